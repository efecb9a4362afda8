using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Streams.Processors;

/// <summary>
/// <c>.To(topic)</c>: sends records to a topic. What is still as it was read, key or value, is forwarded byte for byte;
/// what an operator made is encoded. The Kafka timestamp and the headers are the source record's; a header
/// <c>origin</c> says where it came from (<c>topic-partition@offset</c>).
/// </summary>
public static class ToOperator
{
    /// <summary>The header that names the source record of a forwarded one.</summary>
    public const string OriginHeader = "origin";

    /// <summary>Ends a stream in a topic. The topic is created when missing, with as many partitions as the input has.</summary>
    /// <param name="stream">The records.</param>
    /// <param name="topic">The topic to write.</param>
    /// <param name="keyCodec">Encodes keys; needed where an operator changed the key's type.</param>
    /// <param name="valueCodec">Encodes values; needed where an operator changed the value's type.</param>
    /// <param name="name">The node's name; generated when absent.</param>
    /// <example><code>errors.To("errors")</code></example>
    public static void To<TKey, TValue>(
        this Stream<TKey, TValue> stream, string topic, ICodec<TKey>? keyCodec = null, ICodec<TValue>? valueCodec = null, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        stream.Node.Builder.Add(new SinkNode<TKey, TValue>(stream, topic, keyCodec, valueCodec, name));
    }
}

internal sealed class SinkNode<TKey, TValue>(
    Stream<TKey, TValue> stream, string topic, ICodec<TKey>? keyCodec, ICodec<TValue>? valueCodec, string? name, bool isRepartition = false)
    : TaskNode(stream.Node.Builder, NodeKind.Sink, "SINK", name, stream.Node), IOutputNode
{
    private readonly bool _forwardsKey = stream.KeyAsRead && (keyCodec is null || ReferenceEquals(keyCodec, stream.KeyCodec));
    private readonly bool _forwardsValue = stream.ValueAsRead && (valueCodec is null || ReferenceEquals(valueCodec, stream.ValueCodec));
    private readonly ICodec<TKey>? _keyCodec = keyCodec ?? stream.KeyCodec;
    private readonly ICodec<TValue>? _valueCodec = valueCodec ?? stream.ValueCodec;

    public override string Topic => topic;

    public override bool ReadsKey => !_forwardsKey;

    public override bool IsRepartition => isRepartition;

    public override IEnumerable<string> Problems
    {
        get
        {
            if (!_forwardsKey && _keyCodec is null)
            {
                yield return $"no codec for keys of type {typeof(TKey).Name}: pass one, as in .{Call}(\"{topic}\", keyCodec: ...)";
            }

            if (!_forwardsValue && _valueCodec is null)
            {
                yield return $"no codec for values of type {typeof(TValue).Name}: pass one, as in .{Call}(\"{topic}\", valueCodec: ...)";
            }
        }
    }

    private string Call => isRepartition ? "Repartition" : "To";

    public override Step CreateStep(TaskBuilder task) =>
        new SinkStep(this, task.Output<TKey, TValue>(Inputs[0]), task.Context, task.OutputSlot(this), task.ReadsRepartition);

    private sealed class SinkStep : RecordStep<TKey, TValue>
    {
        private const int MaxOffsetDigits = 20;

        // Asked once: code that is not optimized boxes a struct to compare it with null.
        private static readonly bool _keyMayBeNull = default(TKey) is null;
        private static readonly bool _valueMayBeNull = default(TValue) is null;
        private readonly SinkNode<TKey, TValue> _node;
        private readonly int _slot;
        private readonly HeaderList _headers = new();
        private readonly HeaderList? _carried;
        private readonly byte[] _application;
        private readonly byte[] _origin;
        private readonly int _originPrefix;
        private readonly byte[] _originName = Encoding.UTF8.GetBytes(ToOperator.OriginHeader);

        public SinkStep(SinkNode<TKey, TValue> node, Batch<TKey, TValue> input, BatchContext context, int slot, bool readsRepartition)
            : base(node.Name, input, context)
        {
            _node = node;
            _slot = slot;
            _application = Encoding.UTF8.GetBytes(context.Options.Application);
            _carried = readsRepartition ? new HeaderList() : null;
            var prefix = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{context.Partition}@"));
            _originPrefix = prefix.Length;
            _origin = [.. prefix, .. new byte[MaxOffsetDigits]];
        }

        private OutputBuffer Outputs => Context.Changes.Outputs[_slot];

        public override void Accept() => Outputs.Accept();

        public override void Discard() => Outputs.Discard();

        public override void Dispose()
        {
            base.Dispose();
            _headers.Dispose();
            _carried?.Dispose();
        }

        protected override void Process(in Record<TKey, TValue> record)
        {
            var source = Context.Source;
            var index = record.Index;
            var offset = source.Offset(index);
            var outputs = Outputs;
            var bytes = outputs.Bytes;
            var start = bytes.Length;
            try
            {
                var hasKey = _node._forwardsKey ? source.HasKey(index) : !_keyMayBeNull || record.Key is not null;
                if (_node._forwardsKey)
                {
                    bytes.Append(source.Key(index));
                }
                else if (hasKey)
                {
                    _node._keyCodec!.Encode(record.Key, bytes);
                }

                var keyLength = bytes.Length - start;
                var hasValue = _node._forwardsValue ? source.HasValue(index) : !_valueMayBeNull || record.Value is not null;
                if (_node._forwardsValue)
                {
                    bytes.Append(source.Value(index));
                }
                else if (hasValue)
                {
                    _node._valueCodec!.Encode(record.Value, bytes);
                }

                // Brokers count headers, too; a record that one refuses would stop the whole cycle.
                CopyHeaders(in record);
                var size = bytes.Length - start + _headers.Packed.Length;
                if (size > Context.Options.MaxRecordBytes)
                {
                    throw new RecordRejectedException(string.Create(
                        CultureInfo.InvariantCulture,
                        $"The record for topic {_node.Topic} has {size} bytes; Streams:MaxRecordBytes allows {Context.Options.MaxRecordBytes}."));
                }

                // Only now: what is refused here was refused when it was sent, and must be again.
                if (offset < Context.MuteBelow)
                {
                    bytes.Truncate(start);
                    return;
                }

                AddOrigin(offset);
                var timestamp = source.TimestampMs(index) ?? (record.Time.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMillisecond;
                outputs.Close(start, keyLength, hasKey, hasValue, timestamp, _headers.Packed);
            }
            catch
            {
                bytes.Truncate(start);
                throw;
            }
        }

        private void CopyHeaders(in Record<TKey, TValue> record)
        {
            _headers.Clear();
            if (_carried is null)
            {
                Context.Source.CopyHeaders(record.Index, _headers);
            }
            else
            {
                _carried.Clear();
                Context.Source.CopyHeaders(record.Index, _carried);
                CarriedTimes.CopyOthers(_carried.Packed, _headers);
            }

            if (_node.IsRepartition)
            {
                CarriedTimes.Add(_headers, record.Time, Context.StreamTimeAt(record.Index), _application);
            }
        }

        private void AddOrigin(long offset)
        {
            Utf8Formatter.TryFormat(offset, _origin.AsSpan(_originPrefix), out var digits);
            _headers.Add(_originName, _origin.AsSpan(0, _originPrefix + digits));
        }
    }
}
