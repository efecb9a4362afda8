using System.Buffers.Binary;
using System.Text;

namespace Streams.Processors;

/// <summary>
/// Record headers, packed into one reusable buffer: per header a name length, a value length (<see cref="NoValue"/> for
/// null), the name in UTF-8 and the value.
/// </summary>
internal sealed class HeaderList : IDisposable
{
    private const int NoValue = int.MinValue;
    private readonly ByteBuffer _bytes = new();

    public int Count { get; private set; }

    /// <summary>The packed form; <see cref="Read"/> walks it.</summary>
    public ReadOnlySpan<byte> Packed => _bytes.Written;

    public void Clear()
    {
        _bytes.Truncate(0);
        Count = 0;
    }

    public void Add(ReadOnlySpan<byte> nameUtf8, ReadOnlySpan<byte> value, bool hasValue = true)
    {
        var lengths = _bytes.GetSpan(8);
        BinaryPrimitives.WriteInt32LittleEndian(lengths, nameUtf8.Length);
        BinaryPrimitives.WriteInt32LittleEndian(lengths[4..], hasValue ? value.Length : NoValue);
        _bytes.Advance(8);
        _bytes.Append(nameUtf8);
        _bytes.Append(hasValue ? value : default);
        Count++;
    }

    public void Dispose() => _bytes.Dispose();

    /// <summary>Takes the first header off <paramref name="packed"/>.</summary>
    /// <returns>False when there is none left.</returns>
    public static bool Read(ref ReadOnlySpan<byte> packed, out ReadOnlySpan<byte> nameUtf8, out ReadOnlySpan<byte> value, out bool hasValue)
    {
        if (packed.IsEmpty)
        {
            nameUtf8 = value = default;
            hasValue = false;
            return false;
        }

        var nameLength = BinaryPrimitives.ReadInt32LittleEndian(packed);
        var valueLength = BinaryPrimitives.ReadInt32LittleEndian(packed[4..]);
        hasValue = valueLength != NoValue;
        valueLength = hasValue ? valueLength : 0;
        nameUtf8 = packed.Slice(8, nameLength);
        value = packed.Slice(8 + nameLength, valueLength);
        packed = packed[(8 + nameLength + valueLength)..];
        return true;
    }

    /// <summary>The packed headers as pairs, for tests and tools.</summary>
    public static IReadOnlyList<KeyValuePair<string, byte[]?>> Unpack(ReadOnlySpan<byte> packed)
    {
        var headers = new List<KeyValuePair<string, byte[]?>>();
        while (Read(ref packed, out var name, out var value, out var hasValue))
        {
            headers.Add(new(Encoding.UTF8.GetString(name), hasValue ? value.ToArray() : null));
        }

        return headers;
    }
}
