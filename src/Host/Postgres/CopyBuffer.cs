using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Streams.Hosting.Postgres;

/// <summary>
/// Rows on their way to the server in PostgreSQL's binary copy format, a chunk at a time: big-endian, every field behind
/// its length. The bytes come from the shared pool.
/// </summary>
internal sealed class CopyBuffer : IDisposable
{
    /// <summary>A chunk is sent once it has this many bytes: large enough that the calls do not count, small enough for caches.</summary>
    public const int ChunkBytes = 128 * 1024;

    /// <summary>Room for the row that crosses the line; a larger row makes the buffer grow.</summary>
    private const int SpareBytes = 64 * 1024;

    private byte[] _bytes = ArrayPool<byte>.Shared.Rent(ChunkBytes + SpareBytes);
    private int _length;

    public bool IsFull => _length >= ChunkBytes;

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, _length);

    public void Clear() => _length = 0;

    /// <summary>What every copy starts with: the signature, no flags, no extension.</summary>
    public void WriteHeader() => WriteRaw([.. "PGCOPY\n"u8, 0xFF, .. "\r\n\0"u8, 0, 0, 0, 0, 0, 0, 0, 0]);

    /// <summary>What every copy ends with: a row of -1 fields.</summary>
    public void WriteTrailer() => WriteInt16(-1);

    public void WriteInt16(short value)
    {
        BinaryPrimitives.WriteInt16BigEndian(Reserve(2), value);
        _length += 2;
    }

    public void WriteNull()
    {
        BinaryPrimitives.WriteInt32BigEndian(Reserve(4), -1);
        _length += 4;
    }

    public void WriteField(bool value)
    {
        var to = Reserve(5);
        BinaryPrimitives.WriteInt32BigEndian(to, 1);
        to[4] = value ? (byte)1 : (byte)0;
        _length += 5;
    }

    public void WriteField(short value)
    {
        var to = Reserve(6);
        BinaryPrimitives.WriteInt32BigEndian(to, 2);
        BinaryPrimitives.WriteInt16BigEndian(to[4..], value);
        _length += 6;
    }

    public void WriteField(int value)
    {
        var to = Reserve(8);
        BinaryPrimitives.WriteInt32BigEndian(to, 4);
        BinaryPrimitives.WriteInt32BigEndian(to[4..], value);
        _length += 8;
    }

    public void WriteField(long value)
    {
        var to = Reserve(12);
        BinaryPrimitives.WriteInt32BigEndian(to, 8);
        BinaryPrimitives.WriteInt64BigEndian(to[4..], value);
        _length += 12;
    }

    public void WriteField(double value)
    {
        var to = Reserve(12);
        BinaryPrimitives.WriteInt32BigEndian(to, 8);
        BinaryPrimitives.WriteDoubleBigEndian(to[4..], value);
        _length += 12;
    }

    public void WriteField(Guid value)
    {
        var to = Reserve(20);
        BinaryPrimitives.WriteInt32BigEndian(to, 16);
        value.TryWriteBytes(to[4..], bigEndian: true, out _);
        _length += 20;
    }

    public void WriteField(decimal value)
    {
        var to = Reserve(4 + NumericFormat.MaxBytes);
        var length = NumericFormat.Write(value, to[4..]);
        BinaryPrimitives.WriteInt32BigEndian(to, length);
        _length += 4 + length;
    }

    public void WriteField(string value)
    {
        var to = Reserve(4 + Encoding.UTF8.GetMaxByteCount(value.Length));
        var length = Encoding.UTF8.GetBytes(value, to[4..]);
        BinaryPrimitives.WriteInt32BigEndian(to, length);
        _length += 4 + length;
    }

    public void WriteField(ReadOnlySpan<byte> value)
    {
        var to = Reserve(4 + value.Length);
        BinaryPrimitives.WriteInt32BigEndian(to, value.Length);
        value.CopyTo(to[4..]);
        _length += 4 + value.Length;
    }

    /// <summary><c>jsonb</c>: a version byte before the text.</summary>
    public void WriteJson(ReadOnlySpan<byte> value)
    {
        var to = Reserve(5 + value.Length);
        BinaryPrimitives.WriteInt32BigEndian(to, 1 + value.Length);
        to[4] = 1;
        value.CopyTo(to[5..]);
        _length += 5 + value.Length;
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
        _length = 0;
    }

    private void WriteRaw(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Reserve(bytes.Length));
        _length += bytes.Length;
    }

    private Span<byte> Reserve(int count)
    {
        if (_bytes.Length - _length < count)
        {
            var grown = ArrayPool<byte>.Shared.Rent(checked(Math.Max(_bytes.Length * 2, _length + count)));
            _bytes.AsSpan(0, _length).CopyTo(grown);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = grown;
        }

        return _bytes.AsSpan(_length);
    }
}
