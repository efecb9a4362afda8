using Confluent.Kafka;
using Streams.Hosting.Kafka;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Tests.Kafka;

public sealed class AlternatingWriterTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private readonly List<string> _calls = [];

    [Fact]
    public async Task each_cycle_has_the_other_writer()
    {
        using var writer = Alternating();
        await writer.PrepareAsync(Cancel);
        for (var cycle = 0; cycle < 3; cycle++)
        {
            await CycleAsync(writer);
        }

        Assert.Equal(
            [
                "1 prepare", "2 prepare",
                "1 begin", "1 send", "1 settle", "1 complete",
                "2 begin", "2 send", "2 settle", "2 complete",
                "1 begin", "1 send", "1 settle", "1 complete",
            ],
            _calls);
    }

    [Fact]
    public async Task a_cycle_that_fails_stays_with_its_writer_until_it_is_complete()
    {
        var failure = new KafkaFailureException("Committing", KafkaFailure.Of(ErrorCode.Local_TimedOut));
        using var writer = Alternating(new LogOutcomeUnknownException(failure), failure);
        await Assert.ThrowsAsync<LogOutcomeUnknownException>(() => CycleAsync(writer));
        Assert.False(await writer.IsCompleteAsync([], Cancel));
        await Assert.ThrowsAsync<KafkaFailureException>(() => CycleAsync(writer));
        await writer.AbandonAsync(Cancel);
        await CycleAsync(writer);
        await CycleAsync(writer);

        Assert.Equal(
            [
                "1 begin", "1 send", "1 settle", "1 complete", "1 is complete?",
                "1 begin", "1 send", "1 settle", "1 complete", "1 abandon",
                "1 begin", "1 send", "1 settle", "1 complete",
                "2 begin", "2 send", "2 settle", "2 complete",
            ],
            _calls);
    }

    private AlternatingWriter Alternating(params Exception[] failuresOfTheFirst) =>
        new(new NotingWriter("1", _calls, new Queue<Exception>(failuresOfTheFirst)), new NotingWriter("2", _calls, new Queue<Exception>()));

    private static async Task CycleAsync(AlternatingWriter writer)
    {
        await writer.BeginAsync(Cancel);
        using var records = new OutputBuffer("topic");
        writer.Send(records, Cancel);
        await writer.SettleAsync(Cancel);
        await writer.CompleteAsync([], Cancel);
    }

    /// <summary>Notes its calls; the first cycles fail to complete.</summary>
    private sealed class NotingWriter(string name, List<string> calls, Queue<Exception> failures) : IRecordWriter
    {
        public bool IsTransactional => true;

        public Task PrepareAsync(CancellationToken cancellation) => Note("prepare");

        public Task BeginAsync(CancellationToken cancellation) => Note("begin");

        public void Send(OutputBuffer records, CancellationToken cancellation) => Note("send");

        public Task SettleAsync(CancellationToken cancellation) => Note("settle");

        public Task ArriveAsync(CancellationToken cancellation) => Note("arrive");

        public Task CompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation)
        {
            Note("complete");
            return failures.TryDequeue(out var failure) ? Task.FromException(failure) : Task.CompletedTask;
        }

        public Task AbandonAsync(CancellationToken cancellation) => Note("abandon");

        public Task<bool> IsCompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation)
        {
            Note("is complete?");
            return Task.FromResult(false);
        }

        public void Dispose() { }

        private Task Note(string call)
        {
            calls.Add($"{name} {call}");
            return Task.CompletedTask;
        }
    }
}
