namespace Streams.Hosting.Runtime.Actors;

/// <summary>
/// Something that runs concurrently with everything else and shares nothing: it has a mailbox and takes one message at a
/// time. Its fields need no locks.
/// </summary>
/// <typeparam name="TMessage">What it can be told.</typeparam>
internal abstract class Actor<TMessage>
{
    /// <summary>Handles one message. An exception ends the actor and goes to whoever supervises it.</summary>
    public abstract ValueTask ReceiveAsync(TMessage message, CancellationToken stopping);

    /// <summary>Called once, after the last message. Messages left in the mailbox come to <see cref="Discard"/> first.</summary>
    public virtual ValueTask StoppedAsync() => ValueTask.CompletedTask;

    /// <summary>A message that will not be handled, because the actor stopped: release what it holds, answer who waits.</summary>
    public virtual void Discard(TMessage message) { }
}

/// <summary>An actor's address.</summary>
internal interface IActorRef<in TMessage>
{
    string Name { get; }

    /// <summary>Completes when the actor has stopped, for whatever reason. Never faults.</summary>
    Task Stopped { get; }

    /// <summary>Puts a message into the mailbox, behind the others.</summary>
    /// <returns>False when the actor has stopped: the message was discarded.</returns>
    bool Tell(TMessage message);

    /// <summary>Puts a message before all that are not urgent.</summary>
    /// <returns>False when the actor has stopped: the message was discarded.</returns>
    bool TellUrgently(TMessage message);

    /// <summary>Puts a message before all that are not urgent; it may stay there until another one comes.</summary>
    /// <returns>False when the actor has stopped: the message was discarded.</returns>
    bool TellLazily(TMessage message);

    /// <summary>Stops the actor after the message it is at. What is left in its mailbox is discarded.</summary>
    Task StopAsync();
}

/// <summary>
/// The seam to the actor runtime: spawn, tell, stop, supervise. Nothing outside this folder knows which runtime it is, so
/// another one can host the same actors.
/// </summary>
internal interface IActorSystem
{
    /// <summary>Starts an actor.</summary>
    /// <param name="name">Its name, for messages.</param>
    /// <param name="actor">Its behaviour; owned by the runtime from now on.</param>
    /// <param name="onFailure">Supervision: told when the actor ended by an exception.</param>
    IActorRef<TMessage> Spawn<TMessage>(string name, Actor<TMessage> actor, Action<Exception> onFailure);
}
