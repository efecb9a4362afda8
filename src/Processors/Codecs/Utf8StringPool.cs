using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;

namespace Streams.Processors;

/// <summary>
/// Gives the same <see cref="string"/> for the same UTF-8 bytes, so that decoding a text that comes again and again (a path,
/// a country, a status) allocates nothing. Bounded: a table of fixed size in which a new text takes an old one's place.
/// </summary>
/// <remarks>
/// Thread-safe without locks: a slot is one reference to a string, so a reader sees a whole text or none. Two
/// threads that miss at once each make a string; one of them stays. Nobody may rely on reference equality.
/// </remarks>
/// <example><code>
/// var pool = new Utf8StringPool();
/// string path = pool.Get("/cart"u8);
/// </code></example>
public sealed class Utf8StringPool
{
    private readonly string?[] _slots;
    private readonly int _shift;
    private readonly int _maxBytes;

    /// <summary>Creates an empty pool.</summary>
    /// <param name="capacity">How many texts it holds at most; rounded up to a power of two. 2 to 1,048,576. Default 4,096.</param>
    /// <param name="maxBytes">Texts longer than this, in bytes of UTF-8, are not pooled. Default 256.</param>
    public Utf8StringPool(int capacity = 4096, int maxBytes = 256)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 1 << 20);
        ArgumentOutOfRangeException.ThrowIfNegative(maxBytes);
        var size = (int)BitOperations.RoundUpToPowerOf2((uint)capacity);
        _slots = new string?[size];
        _shift = 64 - BitOperations.Log2((uint)size);
        _maxBytes = maxBytes;
    }

    /// <summary>The text of these bytes. Invalid UTF-8 becomes U+FFFD, as <see cref="Encoding.UTF8"/> does it.</summary>
    public string Get(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IsEmpty)
        {
            return string.Empty;
        }

        if (utf8.Length > _maxBytes)
        {
            return Encoding.UTF8.GetString(utf8);
        }

        // A text may stand in two neighbouring slots, so that two frequent ones with the same hash do not evict each other.
        var hash = Hash(utf8);
        var slots = _slots;
        var home = (int)(hash >> _shift);
        var first = slots[home];
        if (first is not null && Is(first, utf8))
        {
            return first;
        }

        var neighbour = home ^ 1;
        var second = slots[neighbour];
        if (second is not null && Is(second, utf8))
        {
            return second;
        }

        var text = Encoding.UTF8.GetString(utf8);
        var free = first is null || (second is not null && (hash & 1) == 0) ? home : neighbour;
        Volatile.Write(ref slots[free], text);
        return text;
    }

    private static bool Is(string text, ReadOnlySpan<byte> utf8) =>
        Ascii.Equals(utf8, text) || (text.Length < utf8.Length && IsEncoded(text, utf8));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool IsEncoded(string text, ReadOnlySpan<byte> utf8)
    {
        const int MaxStackBytes = 1024;
        var most = Encoding.UTF8.GetMaxByteCount(text.Length);
        var encoded = most <= MaxStackBytes ? stackalloc byte[MaxStackBytes] : new byte[most];
        return utf8.SequenceEqual(encoded[..Encoding.UTF8.GetBytes(text, encoded)]);
    }

    /// <summary>Eight bytes a step; the last step overlaps. Crafted collisions cost misses, nothing else.</summary>
    private static ulong Hash(ReadOnlySpan<byte> bytes)
    {
        const ulong Prime = 0x9E37_79B9_7F4A_7C15;
        var hash = (ulong)bytes.Length * Prime;
        if (bytes.Length < sizeof(ulong))
        {
            var tail = 0UL;
            foreach (var b in bytes)
            {
                tail = (tail << 8) | b;
            }

            return Mix(hash, tail);
        }

        for (var i = 0; i < bytes.Length - sizeof(ulong); i += sizeof(ulong))
        {
            hash = Mix(hash, BinaryPrimitives.ReadUInt64LittleEndian(bytes[i..]));
        }

        return Mix(hash, BinaryPrimitives.ReadUInt64LittleEndian(bytes[^sizeof(ulong)..]));

        static ulong Mix(ulong hash, ulong next)
        {
            hash = (hash ^ next) * Prime;
            return hash ^ (hash >> 32);
        }
    }
}
