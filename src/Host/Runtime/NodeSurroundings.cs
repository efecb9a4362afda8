using Streams.Hosting.Runtime.Actors;

namespace Streams.Hosting.Runtime;

/// <summary>
/// What a node takes from the machine it runs on: time, chance, threads. A simulation brings its own, and the node then does
/// the same from the same seed.
/// </summary>
/// <param name="Time">The clock, and all timers.</param>
/// <param name="Random">Chance, for waits that are not to coincide. Any thread may ask it.</param>
/// <param name="Actors">Runs tasks and the committer.</param>
/// <param name="ConsumerThread">Runs the consumer.</param>
internal sealed record NodeSurroundings(TimeProvider Time, Random Random, IActorSystem Actors, IConsumerThread ConsumerThread)
{
    /// <summary>The real ones.</summary>
    public static NodeSurroundings Real(TimeProvider time) => new(time, Random.Shared, new ChannelActorSystem(), new ConsumerThread());
}

/// <summary>
/// A thread for the consumer, which must be one thread's: the Kafka client calls back on it, and what is called back may have
/// to wait. Whatever waits there waits through this.
/// </summary>
internal interface IConsumerThread
{
    /// <summary>Starts the thread. Once.</summary>
    void Start(Action run);

    /// <summary>Blocks the thread until the task has ended, however it did.</summary>
    /// <returns>False when the time was up first.</returns>
    bool Wait(Task task, TimeSpan timeout);
}

/// <summary>An operating system's thread.</summary>
internal sealed class ConsumerThread : IConsumerThread
{
    public void Start(Action run) => new Thread(() => run()) { IsBackground = true, Name = "streams-consumer" }.Start();

    public bool Wait(Task task, TimeSpan timeout) => Task.WaitAny([task], timeout) >= 0;
}
