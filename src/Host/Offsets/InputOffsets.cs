using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Streams.Hosting.Kafka;
using Streams.Hosting.Postgres;
using Streams.Processors;

namespace Streams.Hosting.Offsets;

/// <summary>
/// How far an application has read its input, for people and tools; and moving it elsewhere where a node cannot go on: its
/// offset is not in the topic any more. Works beside running nodes, which take a moved partition up again within seconds.
/// </summary>
/// <example><code>
/// using var offsets = InputOffsets.Open(topology, configuration);
/// foreach (var position in await offsets.ListAsync())
/// {
///     Console.WriteLine($"{position.Topic}-{position.Partition}: {position.Lag} to go");
/// }
/// </code></example>
public sealed class InputOffsets : IDisposable
{
    private readonly Topology _topology;
    private readonly KafkaAdmin _kafka;
    private readonly string _connection;
    private readonly PostgresOptions _limits;
    private readonly string _application;
    private readonly OffsetsSql _sql;

    private InputOffsets(Topology topology, KafkaAdmin kafka, string connection, PostgresOptions limits, string application)
    {
        _topology = topology;
        _kafka = kafka;
        _connection = connection;
        _limits = limits;
        _application = application;
        _sql = new OffsetsSql(application);
    }

    /// <summary>Opens an application's offsets, with a node's own settings. Connects at first use.</summary>
    /// <param name="topology">What the application runs.</param>
    /// <param name="configuration">A node's configuration: <c>Streams:ApplicationId</c>, both connection strings, and the Kafka sections.</param>
    /// <exception cref="StreamsConfigurationException">One of them is missing or wrong.</exception>
    public static InputOffsets Open(Topology topology, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(topology);
        ArgumentNullException.ThrowIfNull(configuration);
        var application = OperatorConnection.Application(configuration);
        var connection = OperatorConnection.Settings(configuration, application, "offsets").ConnectionString;
        var kafka = new KafkaAdmin(KafkaSettings.From(configuration), "streams-offsets", NullLogger.Instance);
        return new InputOffsets(topology, kafka, connection, StreamsHosting.PostgresLimits(configuration), application);
    }

    /// <summary>Every partition of the input, by topic and number.</summary>
    /// <exception cref="OffsetsException">Kafka or PostgreSQL did not answer, or there are no tables yet.</exception>
    public Task<IReadOnlyList<InputPosition>> ListAsync(CancellationToken cancellation = default) => TryAsync(async () =>
    {
        var rows = await RowsAsync(cancellation);
        var positions = new List<InputPosition>();
        foreach (var topic in _topology.SourceTopics.Order(StringComparer.Ordinal))
        {
            var partitions = await _kafka.PartitionCountAsync(topic, cancellation) ?? 0;
            for (var number = 0; number < partitions; number++)
            {
                var partition = new TopicPartition(topic, number);
                var (first, end) = await _kafka.RangeAsync(partition, cancellation);
                var row = rows.GetValueOrDefault(partition);
                positions.Add(new(topic, number, row?.NextOffset, first, end, row?.Epoch, row?.StreamTime, row?.Node));
            }
        }

        return (IReadOnlyList<InputPosition>)positions;
    });

    /// <summary>What moving a partition would mean. Changes nothing.</summary>
    /// <param name="partition">The partition, as <c>topic-number</c>.</param>
    /// <param name="to"><c>earliest</c>, <c>latest</c>, or an offset that the topic has (or the one after its last).</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="OffsetsException">There is no such partition, no node ever had it, or the topic has no such offset.</exception>
    public async Task<OffsetMove> PlanAsync(string partition, string to, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(partition);
        ArgumentNullException.ThrowIfNull(to);
        var positions = await ListAsync(cancellation);
        var position = positions.FirstOrDefault(p => $"{new TopicPartition(p.Topic, p.Partition)}" == partition)
            ?? throw new OffsetsException($"The input has no partition {partition}; it has {Names(positions)}.");
        if (position.Epoch is null)
        {
            throw new OffsetsException($"No node has taken {partition} over yet, so it has no offset to move. It will start at the beginning.");
        }

        var next = to switch
        {
            "earliest" => position.First,
            "latest" => position.End,
            _ => long.TryParse(to, NumberStyles.None, CultureInfo.InvariantCulture, out var offset)
                ? offset
                : throw new OffsetsException($"'{to}' is no place to go on: give earliest, latest or an offset."),
        };
        return next >= position.First && next <= position.End
            ? new OffsetMove(position, next)
            : throw new OffsetsException(string.Create(
                CultureInfo.InvariantCulture, $"{partition} cannot go on at {next}: the topic has {position.First} to {position.End - 1}, and its next record will be {position.End}."));
    }

    /// <summary>
    /// Moves a partition. Whatever a node still does on it is fenced off; the node that the group gives it to takes it up again
    /// at the new offset within seconds.
    /// </summary>
    /// <exception cref="OffsetsException">The partition has moved on since the plan was made, or PostgreSQL did not answer.</exception>
    public Task MoveAsync(OffsetMove move, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(move);
        return TryAsync(async () =>
        {
            await using var connection = new NpgsqlConnection(_connection);
            await connection.OpenAsync(cancellation);
            await using var batch = new NpgsqlBatch(connection) { BatchCommands = { Limits.Command(_limits), _sql.Move(move) } };
            await using var reader = await batch.ExecuteReaderAsync(cancellation);
            await reader.NextResultAsync(cancellation);
            return await reader.ReadAsync(cancellation)
                ? true
                : throw new OffsetsException(
                    $"{move.From.Topic}-{move.From.Partition} has moved on meanwhile: a node works on it. Look again, and move it only where it stands still.");
        });
    }

    /// <inheritdoc/>
    public void Dispose() => _kafka.Dispose();

    private static string Names(IReadOnlyList<InputPosition> positions) => positions.Count == 0
        ? "none: its topics do not exist"
        : string.Join(", ", positions.GroupBy(p => p.Topic).Select(g => string.Create(CultureInfo.InvariantCulture, $"{g.Key}-0 to {g.Key}-{g.Count() - 1}")));

    private async Task<Dictionary<TopicPartition, OffsetsSql.Row>> RowsAsync(CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(_connection);
        await connection.OpenAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { Limits.Command(_limits), _sql.List() } };
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var rows = new Dictionary<TopicPartition, OffsetsSql.Row>();
        while (await reader.ReadAsync(cancellation))
        {
            rows.Add(Fence.PartitionOf(reader), OffsetsSql.Read(reader));
        }

        return rows;
    }

    private async Task<T> TryAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (KafkaFailureException e)
        {
            throw new OffsetsException(e.Message, e);
        }
        catch (Exception e) when (OperatorConnection.Explain(e, _application) is { } message)
        {
            throw new OffsetsException(message, e);
        }
    }
}
