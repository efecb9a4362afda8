using Npgsql;
using Simulation.Tests.Machine;
using Streams;
using Streams.Hosting.Postgres;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Simulation.Tests.Store;

/// <summary>A node's client of the fake database.</summary>
/// <param name="simulator">Chooses.</param>
/// <param name="network">The way to the server.</param>
/// <param name="database">The server.</param>
/// <param name="process">The node's process.</param>
/// <param name="faults">How badly all this behaves.</param>
/// <param name="die">Kills the process.</param>
internal sealed class FakeStore(Simulator simulator, Network network, Database database, SimulatedProcess process, StoreFaults faults, Action die) : IStateStore
{
    public Task PrepareAsync(CancellationToken cancellation) => Task.CompletedTask;

    public Task<IReadOnlyList<PartitionStart>> AcquireAsync(IReadOnlyList<TopicPartition> partitions, CancellationToken cancellation) =>
        CallAsync($"acquire {string.Join(", ", partitions)}", session => database.AcquireAsync(session, [.. partitions.Distinct().Order()]));

    public Task HeartbeatAsync(CancellationToken cancellation) =>
        network.CallAsync(process, database.Process, "heartbeat", () => Task.FromResult(true)).WaitAsync(cancellation);

    public async Task LoadAsync(TopicPartition partition, IReadOnlyList<StateLoad> loads, CancellationToken cancellation)
    {
        var asked = loads.Select(load => (load.Table.Name, Keys: Write.KeysOf(partition, load))).ToList();
        var states = await network.CallAsync(process, database.Process, "load states", () => database.StatesAsync(asked)).WaitAsync(cancellation);
        for (var i = 0; i < loads.Count; i++)
        {
            loads[i].Complete(states[i]);
        }
    }

    public Task<IReadOnlyDictionary<TopicPartition, long>> ErasAsync(IReadOnlyList<TopicPartition> partitions, CancellationToken cancellation) =>
        network.CallAsync(process, database.Process, "eras", () => database.ErasAsync(partitions));

    public Task<IReadOnlyList<ReplayRecord>> FindReplaysAsync(
        IReadOnlyCollection<(TopicPartition Partition, long After)> partitions, CancellationToken cancellation) =>
        network.CallAsync(process, database.Process, "find replays", () => database.FindReplaysAsync(partitions)).WaitAsync(cancellation);

    public async Task<ICommitTransaction> WriteAsync(
        IReadOnlyList<TaskCommit> tasks, Func<CancellationToken, Task> beforeMerge, CancellationToken cancellation)
    {
        var write = Write.Of(tasks);
        var session = NewSession();
        try
        {
            await StatementAsync($"{session.Name} write", () => database.WriteAsync(session, write));
            if (!write.Merges.Any(m => m.Rows.Count > 0))
            {
                return new Transaction(this, session, [], []);
            }

            await beforeMerge(cancellation);
            var merged = await StatementAsync($"{session.Name} merge", () => database.MergeAsync(session, write.Merges));
            return new Transaction(
                this, session, [.. merged.Select(m => m.ChangedRows())], [.. merged.Where(m => m.Table.Windows is SessionWindows).Select(m => m.GoneKeys())]);
        }
        catch (FencedException fenced)
        {
            database.CheckFenced(session, tasks.Where(t => fenced.Partitions.Contains(t.Changes.Partition)));
            Close(session);
            throw;
        }
        catch (PostgresException)
        {
            // The server refuses, and hears the rollback at once: the connection is well.
            Close(session, TimeSpan.FromMilliseconds(5));
            throw;
        }
        catch (Exception)
        {
            Close(session);
            throw;
        }
    }

    public async Task<bool> IsCommittedAsync(IReadOnlyList<TaskCommit> tasks, CancellationToken cancellation)
    {
        var sorted = tasks.OrderBy(t => t.Changes.Partition).ToList();
        var replays = Write.ReplaysOf(sorted);
        var (rows, anyOpen) = await CallAsync("read back", session => database.ReadBackAsync(session, [.. sorted.Select(t => t.Changes.Partition)], replays));
        return Fence.Judge(rows, sorted) && (Fence.OffsetsTell(sorted) || !anyOpen);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private Task<T> StatementAsync<T>(string what, Func<Task<T>> atServer) => network.CallAsync(
        process,
        database.Process,
        what,
        () => simulator.Chance(faults.Refused) ? throw new IOException("The server is shutting down.") : atServer());

    /// <summary>The connection may break during COMMIT, more often than elsewhere: whether it took place is the hardest thing to know.</summary>
    private async Task CommitAsync(Session session)
    {
        if (simulator.Chance(session.Replays.Count > 0 ? faults.DiesInCommitOfReplays : faults.DiesInCommit))
        {
            simulator.After(TimeSpan.Zero, die);
            if (simulator.Chance(0.7))
            {
                process.Trace($"{session.Name} COMMIT: the process dies before");
                await new TaskCompletionSource().Task;
            }
        }

        var isBroken = simulator.Chance(faults.CommitBroken);
        if (isBroken && simulator.Chance(0.4))
        {
            process.Trace($"{session.Name} COMMIT: broken, the request is lost");
            throw new BrokenCallException("COMMIT");
        }

        var commit = SendCommitAsync(session);
        if (isBroken)
        {
            process.Trace($"{session.Name} COMMIT: broken, the request arrives");
            await Task.Delay(simulator.Some(TimeSpan.FromMilliseconds(50)), process.Time);
            throw new BrokenCallException("COMMIT");
        }

        await commit;
    }

    private Task<bool> SendCommitAsync(Session session) => network.CallAsync(process, database.Process, $"{session.Name} COMMIT", async () =>
    {
        if (simulator.Chance(faults.CommitRefused))
        {
            database.Rollback(session);
            throw new PostgresException("could not serialize", "ERROR", "ERROR", PostgresErrorCodes.SerializationFailure);
        }

        await database.CommitAsync(session);
        return true;
    });

    private Session NewSession()
    {
        var session = database.Open(process.Name);
        process.OnDeath(() => Close(session));
        return session;
    }

    /// <summary>The server hears sooner or later that the client has gone.</summary>
    private void Close(Session session) => Close(session, faults.NoticeAfter);

    private void Close(Session session, TimeSpan longest) => simulator.After(simulator.Some(longest), () => database.Rollback(session));

    private async Task<T> CallAsync<T>(string what, Func<Session, Task<T>> atServer)
    {
        var session = NewSession();
        try
        {
            return await network.CallAsync(process, database.Process, $"{session.Name} {what}", () => atServer(session));
        }
        finally
        {
            Close(session);
        }
    }

    private sealed class Transaction(FakeStore store, Session session, IReadOnlyList<RowBuffer> totals, IReadOnlyList<RowBuffer> gone) : ICommitTransaction
    {
        public IReadOnlyList<RowBuffer> Totals => totals;

        public IReadOnlyList<RowBuffer> Gone => gone;

        public Task EnsureHeldAsync(CancellationToken cancellation) => store.StatementAsync($"{session.Name} still stands", () =>
        {
            session.ThrowIfEnded();
            return Task.FromResult(true);
        });

        public async Task CommitAsync(CancellationToken cancellation)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                await store.CommitAsync(session);
            }
            catch (Exception e) when (!PostgresFailures.IsDefinite(e))
            {
                throw new CommitOutcomeUnknownException(e);
            }
        }

        public ValueTask DisposeAsync()
        {
            foreach (var rows in totals.Concat(gone))
            {
                rows.Dispose();
            }

            store.Close(session, TimeSpan.FromMilliseconds(4));
            return ValueTask.CompletedTask;
        }
    }
}

/// <summary>How badly the database behaves.</summary>
internal sealed class StoreFaults
{
    public double Refused { get; set; }

    public double CommitRefused { get; set; }

    public double CommitBroken { get; set; }

    /// <summary>The node dies when the log has its transaction and the store does not.</summary>
    public double DiesInCommit { get; set; }

    /// <summary>The same in a cycle with replays: these are few.</summary>
    public double DiesInCommitOfReplays { get; set; }

    /// <summary>How long the server may take to hear that a client has gone.</summary>
    public TimeSpan NoticeAfter { get; set; } = TimeSpan.FromSeconds(8);

}
