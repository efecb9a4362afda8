using System.Buffers;
using System.Globalization;
using System.Text;

namespace Streams.Processors.Tests;

/// <summary>The tests' value: text of the form <c>group|number|milliseconds</c>, the last part optional.</summary>
internal readonly record struct Reading(string Group, long Number, DateTime? Time)
{
    /// <summary>Small enough for sums to be exact: doubles that round depend on the order of addition.</summary>
    public double Quarter => Number % 1000 / 4.0;

    public static string Text(string group, long number, DateTime? time = null) => time is { } t
        ? string.Create(CultureInfo.InvariantCulture, $"{group}|{number}|{EngineRun.Milliseconds(t)}")
        : string.Create(CultureInfo.InvariantCulture, $"{group}|{number}");
}

internal sealed class ReadingCodec : ICodec<Reading>
{
    public string Name => "reading";

    public Reading Decode(ReadOnlySpan<byte> bytes)
    {
        var parts = Encoding.UTF8.GetString(bytes).Split('|');
        return parts.Length is 2 or 3 && long.TryParse(parts[1], CultureInfo.InvariantCulture, out var number)
            ? new Reading(parts[0], number, parts.Length == 3 ? DateTime.UnixEpoch.AddMilliseconds(long.Parse(parts[2], CultureInfo.InvariantCulture)) : null)
            : throw new CodecException("The reading is not group|number|milliseconds.");
    }

    public void Encode(Reading value, IBufferWriter<byte> output) =>
        Encoding.UTF8.GetBytes(value.Time is null ? $"{value.Group}|{value.Number}" : Reading.Text(value.Group, value.Number, value.Time), output);
}

/// <summary>A codec that must not be asked.</summary>
internal sealed class ForbiddenCodec<T> : ICodec<T>
{
    public string Name => "forbidden";

    public T Decode(ReadOnlySpan<byte> bytes) => throw new CodecException("This was not to be decoded.");

    public void Encode(T value, IBufferWriter<byte> output) => throw new CodecException("This was not to be encoded.");
}

/// <summary>Seeds for random input; a failing one stands in the name of the test that failed.</summary>
internal static class Seeds
{
    public static TheoryData<int> Few => [.. Enumerable.Range(1, 20)];

    public static TheoryData<int> Many => [.. Enumerable.Range(1, 60)];
}
