using System.Globalization;
using System.Text;

namespace Streams.Processors;

/// <summary>
/// <c>builder.Stream(topic, ...)</c>: decodes a topic's records, gives each its event time and keeps the partition's
/// stream time. What cannot be decoded, is too large, or claims an absurd time is a dead letter and moves no clock.
/// </summary>
public static class SourceOperator
{
    /// <summary>Starts a stream from a topic.</summary>
    /// <param name="builder">The topology being declared.</param>
    /// <param name="topic">The topic to read.</param>
    /// <param name="keyCodec">Decodes keys. Used only if an operator reads the key.</param>
    /// <param name="valueCodec">Decodes values.</param>
    /// <param name="timestamp">Event time (UTC) from the value; <c>null</c> from it, or no function: the Kafka record's timestamp.</param>
    /// <param name="name">The node's name; generated when absent.</param>
    /// <example><code>builder.Stream("clickstream", Codecs.Utf8, new ClickCodec(), click => click.Time)</code></example>
    public static Stream<TKey, TValue> Stream<TKey, TValue>(
        this StreamBuilder builder,
        string topic,
        ICodec<TKey> keyCodec,
        ICodec<TValue> valueCodec,
        Func<TValue, DateTime?>? timestamp = null,
        string? name = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var node = builder.Add(new SourceNode<TKey, TValue>(builder, topic, keyCodec, valueCodec, timestamp, name));
        return new Stream<TKey, TValue>(node, keyCodec, valueCodec, keyAsRead: true, valueAsRead: true);
    }
}

/// <summary>What a task needs of its source's step.</summary>
internal interface ISourceStep : IDisposable
{
    /// <summary>Decodes the batch from the given offset on.</summary>
    /// <returns>How many records were looked at.</returns>
    int Decode(long fromOffset);

    /// <summary>Runs the clock over the decoded records.</summary>
    void Advance(ref StreamClock clock);

    /// <summary>Takes failed records out before another run.</summary>
    void RemoveFailed();
}

internal sealed class SourceNode<TKey, TValue>(
    StreamBuilder builder,
    string topic,
    ICodec<TKey> keyCodec,
    ICodec<TValue> valueCodec,
    Func<TValue, DateTime?>? timestamp,
    string? name,
    bool isRepartition = false)
    : TaskNode(builder, NodeKind.Source, "SOURCE", name)
{
    public override string Topic => topic;

    public override bool IsRepartition => isRepartition;

    public override (Type Key, Type Value)? RecordTypes => (typeof(TKey), typeof(TValue));

    public override Step CreateStep(TaskBuilder task) =>
        new SourceStep(this, task.FilterOf(this), task.KeyIsRead(this), task.Context, task.Output<TKey, TValue>(this));

    private sealed class SourceStep(
        SourceNode<TKey, TValue> node, FilterNode<TKey, TValue>? filter, bool decodeKey, BatchContext context, Batch<TKey, TValue> output) : Step, ISourceStep
    {
        // Kafka cannot carry times before 1970, and windows, partitions and retention all count from there.
        private static readonly DateTime MinTime = DateTime.UnixEpoch;

        private readonly bool _nullKeyIsLegal = default(TKey) is null;
        private readonly ICodec<TKey> _keyCodec = node.KeyCodec;
        private readonly ICodec<TValue> _valueCodec = node.ValueCodec;
        private readonly Func<TValue, DateTime?>? _timestamp = node.Timestamp;
        private readonly Func<TValue, bool>? _condition = filter?.Condition;

        // Event times of all that was decoded, filtered out or not: every one of them moves the clock.
        private DateTime[] _times = [];
        private int _first;

        // Of a repartition topic: stream time where the records came from.
        private readonly HeaderList? _headers = node.IsRepartition ? new HeaderList() : null;
        private DateTime[] _carried = [];
        private readonly byte[] _application = Encoding.UTF8.GetBytes(context.Options.Application);

        public override void Run() { }

        public override void Dispose()
        {
            base.Dispose();
            _headers?.Dispose();
        }

        public int Decode(long fromOffset)
        {
            output.Clear();
            var source = context.Source;
            var count = source.Count;
            var maxTime = DateTime.MaxValue - context.Now > context.Options.MaxFuture ? context.Now + context.Options.MaxFuture : DateTime.MaxValue;
            _first = 0;
            while (_first < count && source.Offset(_first) < fromOffset)
            {
                _first++;
            }

            if (_times.Length < count)
            {
                _times = new DateTime[Math.Max(count, 256)];
                _carried = _headers is null ? [] : new DateTime[_times.Length];
            }

            var i = _first;
            var at = node.Name;
            var filterName = filter?.Name ?? at;
            while (i < count)
            {
                try
                {
                    for (; i < count; i++)
                    {
                        at = node.Name;
                        if (_headers is not null && !ReadCarried(source, i))
                        {
                            continue;
                        }

                        var value = DecodeValue(source, i);
                        var key = DecodeKey(source, i);
                        var time = _headers is null ? TimeOf(source, i, in value, maxTime) : _times[i];
                        _times[i] = time;
                        if (_condition is not null)
                        {
                            at = filterName;
                            if (!_condition(value))
                            {
                                continue;
                            }
                        }

                        output.Add(new Record<TKey, TValue>(key, value, time, i));
                    }
                }
                catch (Exception e) when (BatchContext.IsFaultOfRecord(e))
                {
                    context.Fail(i, at, e);
                    i++;
                }
            }

            return count - _first;
        }

        public void Advance(ref StreamClock clock)
        {
            var count = context.Source.Count;
            for (var i = _first; i < count; i++)
            {
                if (!context.IsOut(i))
                {
                    var streamTime = clock.Advance(_times[i]);
                    context.SetStreamTime(i, _headers is null ? streamTime : _carried[i]);
                }
            }
        }

        public void RemoveFailed() => output.RemoveFailed(context);

        /// <returns>False if the record is another application's, which concerns nobody here.</returns>
        private bool ReadCarried(RecordBatch source, int i)
        {
            _headers!.Clear();
            source.CopyHeaders(i, _headers);
            var times = CarriedTimes.Read(_headers.Packed, _application, node.Topic);
            (_times[i], _carried[i]) = times ?? (MinTime, MinTime);
            return times is not null;
        }

        private TValue DecodeValue(RecordBatch source, int i)
        {
            var bytes = source.Value(i);
            var size = source.Key(i).Length + bytes.Length;
            if (size > context.Options.MaxRecordBytes)
            {
                throw new RecordRejectedException(string.Create(
                    CultureInfo.InvariantCulture, $"The record has {size} bytes; Streams:MaxRecordBytes allows {context.Options.MaxRecordBytes}."));
            }

            if (source.HasValue(i))
            {
                return _valueCodec.Decode(bytes);
            }

            return _valueCodec.AcceptsNull ? default! : throw new RecordRejectedException("The value is null.");
        }

        private TKey DecodeKey(RecordBatch source, int i)
        {
            if (!decodeKey)
            {
                return default!;
            }

            if (source.HasKey(i))
            {
                return _keyCodec.Decode(source.Key(i));
            }

            return _nullKeyIsLegal
                ? default!
                : throw new RecordRejectedException($"The key is null, and {typeof(TKey).Name} cannot be; read it as a nullable type.");
        }

        private DateTime TimeOf(RecordBatch source, int i, in TValue value, DateTime maxTime)
        {
            DateTime time;
            if (_timestamp?.Invoke(value) is { } own)
            {
                time = own.Kind == DateTimeKind.Local ? own.ToUniversalTime() : DateTime.SpecifyKind(own, DateTimeKind.Utc);
            }
            else if (source.TimestampMs(i) is { } ms)
            {
                time = ms is >= 0 and <= 253_402_300_799_999
                    ? DateTime.UnixEpoch.AddMilliseconds(ms)
                    : throw new RecordRejectedException(string.Create(CultureInfo.InvariantCulture, $"The Kafka timestamp {ms} is not between the years 1970 and 9999."));
            }
            else
            {
                throw new RecordRejectedException("The record has no time: neither in its value nor as a Kafka timestamp.");
            }

            if (time < MinTime)
            {
                throw new RecordRejectedException($"The event time {Text(time)} is before 1970.");
            }

            return time <= maxTime
                ? Microseconds.Floor(time)
                : throw new RecordRejectedException(
                    $"The event time {Text(time)} is further in the future than Streams:MaxFuture ({context.Options.MaxFuture}) allows; now is {Text(context.Now)}.");
        }

        private static string Text(DateTime time) => time.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture);
    }

    private ICodec<TKey> KeyCodec => keyCodec;

    private ICodec<TValue> ValueCodec => valueCodec;

    private Func<TValue, DateTime?>? Timestamp => timestamp;
}
