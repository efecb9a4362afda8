namespace Clickstream;

/// <summary>
/// Which input records have had an output, by the header <c>origin</c> (<c>topic-partition@offset</c>) that the pipeline gives its
/// outputs. One bit per input record. Not thread-safe.
/// </summary>
internal sealed class OriginSet
{
    private const int BitsPerWord = 64;

    private readonly Dictionary<string, ulong[]> _partitions = new(StringComparer.Ordinal);

    /// <summary>Adds an origin.</summary>
    /// <returns>Whether it is new.</returns>
    /// <exception cref="FormatException">It is no origin.</exception>
    public bool Add(ReadOnlySpan<char> origin)
    {
        var at = origin.LastIndexOf('@');
        if (at < 0 || !long.TryParse(origin[(at + 1)..], out var offset) || offset < 0)
        {
            throw new FormatException($"'{origin}' is not topic-partition@offset.");
        }

        var lookup = _partitions.GetAlternateLookup<ReadOnlySpan<char>>();
        var words = lookup.TryGetValue(origin[..at], out var existing) ? existing : new ulong[1024];
        var word = checked((int)(offset / BitsPerWord));
        if (word >= words.Length)
        {
            Array.Resize(ref words, Math.Max(word + 1, words.Length * 2));
        }

        if (words != existing)
        {
            lookup[origin[..at]] = words;
        }

        var bit = 1UL << (int)(offset % BitsPerWord);
        var isNew = (words[word] & bit) == 0;
        words[word] |= bit;
        return isNew;
    }
}
