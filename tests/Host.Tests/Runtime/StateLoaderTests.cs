using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Streams.Hosting.Runtime;
using Streams.Hosting.Telemetry;
using Streams.Processors;

namespace Streams.Hosting.Tests.Runtime;

/// <summary>Reading states while the store has its troubles.</summary>
public sealed class StateLoaderTests
{
    private static readonly TopicPartition _partition = new("clickstream", 0);
    private readonly NodeHealth _health = new(NullLogger<NodeHealth>.Instance);

    private static NpgsqlException Broken => new("The connection is broken.", new IOException("Broken pipe."));

    private StateLoader Loader(Func<Task> load)
    {
        var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        return new StateLoader(new Store(load), _health, new NodeMetrics(services.GetRequiredService<IMeterFactory>()), NodeSurroundings.Real(TimeProvider.System));
    }

    [Fact]
    public async Task what_passes_is_tried_again_until_it_works()
    {
        var tries = 0;
        var loader = Loader(() => ++tries < 3 ? throw Broken : Task.CompletedTask);
        await loader.LoadAsync(_partition, [], TestContext.Current.CancellationToken);
        Assert.Equal(3, tries);
        Assert.False(_health.IsDown(Dependency.Postgres));
    }

    [Fact]
    public async Task what_does_not_pass_is_thrown()
    {
        var loader = Loader(() => throw new InvalidOperationException("No such table."));
        Assert.Equal("No such table.", (await Assert.ThrowsAsync<InvalidOperationException>(() => loader.LoadAsync(_partition, [], TestContext.Current.CancellationToken))).Message);
    }

    [Fact]
    public async Task a_connection_that_breaks_while_the_task_stops_is_no_failure()
    {
        using var stopping = new CancellationTokenSource();
        var loader = Loader(async () =>
        {
            await stopping.CancelAsync();
            throw Broken;
        });
        await Assert.ThrowsAsync<OperationCanceledException>(() => loader.LoadAsync(_partition, [], stopping.Token));
    }

    private sealed class Store(Func<Task> load) : IStateStore
    {
        public Task LoadAsync(TopicPartition partition, IReadOnlyList<StateLoad> loads, CancellationToken cancellation) => load();

        public Task PrepareAsync(CancellationToken cancellation) => throw new NotSupportedException();

        public Task<IReadOnlyList<PartitionStart>> AcquireAsync(IReadOnlyList<TopicPartition> partitions, CancellationToken cancellation) => throw new NotSupportedException();

        public Task<IReadOnlyDictionary<TopicPartition, long>> ErasAsync(IReadOnlyList<TopicPartition> partitions, CancellationToken cancellation) => throw new NotSupportedException();

        public Task HeartbeatAsync(CancellationToken cancellation) => throw new NotSupportedException();

        public Task<ICommitTransaction> WriteAsync(
            IReadOnlyList<TaskCommit> tasks, Func<CancellationToken, Task> beforeMerge, CancellationToken cancellation) => throw new NotSupportedException();

        public Task<bool> IsCommittedAsync(IReadOnlyList<TaskCommit> tasks, CancellationToken cancellation) => throw new NotSupportedException();

        public Task<IReadOnlyList<ReplayRecord>> FindReplaysAsync(
            IReadOnlyCollection<(TopicPartition Partition, long After)> partitions, CancellationToken cancellation) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
