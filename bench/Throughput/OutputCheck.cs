using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Npgsql;
using Streams.Bench.Children;
using Streams.Bench.Input;

namespace Streams.Bench.Throughput;

/// <summary>Compares what a node has written with what the generator said while it made the clicks.</summary>
/// <param name="job">The node's job.</param>
/// <param name="facts">What must be there.</param>
internal sealed class OutputCheck(Job job, InputFacts facts)
{
    private static readonly TimeSpan VisibilityPatience = TimeSpan.FromSeconds(15);

    private readonly List<string> _problems = [];

    /// <summary>Looks at every output that this kind of topology has.</summary>
    /// <remarks>Kafka answers a commit before the last reader can see its records: what differs at first is looked at again.</remarks>
    public async Task CheckOutputsAsync(CancellationToken cancellation)
    {
        var started = Stopwatch.GetTimestamp();
        do
        {
            _problems.Clear();
            await LookAsync(cancellation);
        }
        while (_problems.Count > 0 && Stopwatch.GetElapsedTime(started) < VisibilityPatience);
    }

    private async Task LookAsync(CancellationToken cancellation)
    {
        if (job.Shape is not (Shape.FilterToTable or Shape.Sessions or Shape.Fold or Shape.Repartition))
        {
            CheckErrorsTopic();
        }

        await using var data = NpgsqlDataSource.Create(job.Postgres);
        if (job.Shape is Shape.Fold or Shape.Repartition)
        {
            await CheckStatesAsync(data, job.Shape == Shape.Fold ? facts.Clients : facts.Paths, cancellation);
            if (job.Shape == Shape.Fold)
            {
                CheckStatesTopic();
            }

            return;
        }

        if (job.Shape is not (Shape.FilterToTopic or Shape.Sessions))
        {
            await CheckErrorsTableAsync(data, cancellation);
        }

        if (job.Shape is Shape.Main or Shape.MainWithPlainClasses or Shape.Sessions)
        {
            var rows = job.Shape == Shape.Sessions ? facts.Sessions : facts.Counts;
            await CheckCountsTableAsync(data, rows, cancellation);
            CheckCountsTopic(rows);
        }
    }

    /// <exception cref="BenchException">Something differs; the message says what.</exception>
    public void ThrowIfWrong()
    {
        if (_problems.Count > 0)
        {
            throw new BenchException($"{job.Name}: the outputs are wrong. {string.Join(" ", _problems)}");
        }
    }

    /// <summary>Notes a difference.</summary>
    public void Equal(string what, long expected, long actual)
    {
        if (expected != actual)
        {
            _problems.Add($"{what}: {actual} instead of {expected}.");
        }
    }

    private void CheckErrorsTopic()
    {
        var (records, bytes) = (0L, 0L);
        ReadToEnd(job.Names.ErrorsTopic, (in record) =>
        {
            records++;
            bytes += record.Value.Length;
        });
        Equal("records in the topic of errors", facts.Errors, records);
        Equal("bytes in the topic of errors", facts.ErrorBytes, bytes);
    }

    private async Task CheckStatesAsync(NpgsqlDataSource data, long keys, CancellationToken cancellation)
    {
        var sums = await SumsAsync(
            data,
            $"""
            SELECT count(*), count(DISTINCT key), sum((state->>'N')::bigint), sum((state->>'Statuses')::bigint)
            FROM "{job.Application}"."{job.Names.CountsTable}"
            """,
            cancellation);
        Equal("rows in the table of states", keys, sums[0]);
        Equal("keys in the table of states", keys, sums[1]);
        Equal("the sum of the states' counts", facts.Errors, sums[2]);
        Equal("the sum of the states' statuses", facts.ErrorStatuses, sums[3]);
    }

    private void CheckStatesTopic()
    {
        var records = 0L;
        var last = new Dictionary<string, long>();
        ReadToEnd(job.Names.ErrorsTopic, (in record) =>
        {
            records++;
            last[Encoding.UTF8.GetString(record.Key)] = Total(record.Value);
        });
        Equal("records in the topic of states", facts.Errors, records);
        Equal("keys in the topic of states", facts.Clients, last.Count);
        Equal("the sum of the last states' counts", facts.Errors, last.Values.Sum());
    }

    private void CheckCountsTopic(long rows)
    {
        var totals = new Dictionary<string, long>();
        ReadToEnd(job.Names.CountsTopic, (in record) =>
        {
            var key = Encoding.UTF8.GetString(record.Key);
            if (record.Value.IsEmpty)
            {
                totals.Remove(key);
            }
            else
            {
                totals[key] = Total(record.Value);
            }
        });
        Equal("keys in the topic of counts", rows, totals.Count);
        Equal("the sum of the last totals in the topic of counts", facts.Errors, totals.Values.Sum());
    }

    private async Task CheckErrorsTableAsync(NpgsqlDataSource data, CancellationToken cancellation)
    {
        var sums = await SumsAsync(
            data,
            $"""
            SELECT count(*), sum(status), sum(user_id), sum(extract(milliseconds FROM time)), sum((click->>'status')::int)
            FROM "{job.Application}"."{job.Names.ErrorsTable}"
            """,
            cancellation);
        Equal("rows in the table of errors", facts.Errors, sums[0]);
        Equal("the sum of their statuses", facts.ErrorStatuses, sums[1]);
        Equal("the sum of their users", facts.ErrorUsers, sums[2]);
        Equal("the sum of their times' milliseconds", facts.ErrorMilliseconds, sums[3]);
        Equal("the sum of the statuses in their clicks", facts.ErrorStatuses, sums[4]);
    }

    private async Task CheckCountsTableAsync(NpgsqlDataSource data, long rows, CancellationToken cancellation)
    {
        var sums = await SumsAsync(
            data, $"""SELECT count(*), sum(n), sum(n * status) FROM "{job.Application}"."{job.Names.CountsTable}" """, cancellation);
        Equal("rows in the table of counts", rows, sums[0]);
        Equal("the sum of the counts", facts.Errors, sums[1]);
        Equal("the sum of the counts times their statuses", facts.ErrorStatuses, sums[2]);
    }

    private static async Task<List<long>> SumsAsync(NpgsqlDataSource data, string sql, CancellationToken cancellation)
    {
        await using var command = data.CreateCommand(sql);
        command.CommandTimeout = 0;
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        await reader.ReadAsync(cancellation);
        return [.. Enumerable.Range(0, reader.FieldCount).Select(i => reader.IsDBNull(i) ? 0 : (long)reader.GetFieldValue<decimal>(i))];
    }

    private static long Total(ReadOnlySpan<byte> value)
    {
        var json = new Utf8JsonReader(value);
        while (json.Read())
        {
            if (json.TokenType == JsonTokenType.PropertyName && (json.ValueTextEquals("n"u8) || json.ValueTextEquals("N"u8)))
            {
                json.Read();
                return json.GetInt64();
            }
        }

        throw new BenchException($"A record has no count: {Encoding.UTF8.GetString(value)}");
    }

    private void ReadToEnd(string topic, BareReader.Visitor visit) => BareReader.ReadToEnd(job.Kafka, topic, Servers.TopicPartitions, visit);
}
