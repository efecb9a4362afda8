using System.Buffers.Text;
using System.Text;
using Streams.Bench.Throughput;

namespace Streams.Bench.Input;

/// <summary>What the outputs must add up to, counted while the clicks are made, without the app's codec.</summary>
internal sealed record InputFacts
{
    public long Clicks { get; set; }

    /// <summary>Bytes of keys and values.</summary>
    public long Bytes { get; set; }

    public long Errors { get; set; }

    /// <summary>Bytes of the errors' values.</summary>
    public long ErrorBytes { get; set; }

    public long ErrorStatuses { get; set; }

    public long ErrorUsers { get; set; }

    /// <summary>The sum of the errors' times, in milliseconds since the start of their minutes.</summary>
    public long ErrorMilliseconds { get; set; }

    /// <summary>How many combinations of minute, path and status the errors have.</summary>
    public long Counts { get; set; }

    /// <summary>How many paths have errors.</summary>
    public long Paths { get; set; }

    /// <summary>How many clients have errors: a client's clicks have its key.</summary>
    public long Clients { get; set; }

    /// <summary>How many sessions the errors of one path and status make.</summary>
    public long Sessions { get; set; }
}

/// <summary>Adds up the facts, click by click. Relies on how the generator writes a click: no escapes, no white space.</summary>
internal sealed class FactCounter
{
    private readonly HashSet<(string Minute, string Path, int Status)> _keys = [];
    private readonly Dictionary<(string Path, int Status), TimeSpan> _lastErrors = [];
    private readonly HashSet<string> _clients = [];
    private readonly HashSet<string> _paths = [];

    public InputFacts Facts { get; } = new();

    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        Facts.Clicks++;
        Facts.Bytes += key.Length + value.Length;
        var status = (int)Number(value, "\"status\":"u8)!;
        if (status < 400)
        {
            return;
        }

        var time = Text(value, "\"time\":\""u8);
        Facts.Errors++;
        Facts.ErrorBytes += value.Length;
        Facts.ErrorStatuses += status;
        Facts.ErrorUsers += Number(value, "\"user_id\":"u8) ?? 0;
        Facts.ErrorMilliseconds += (Digits(time, 17, 2) * 1000) + Digits(time, 20, 3);
        var path = Encoding.UTF8.GetString(Text(value, "\"path\":\""u8));
        if (_keys.Add((Encoding.ASCII.GetString(time[..16]), path, status)))
        {
            Facts.Counts++;
        }

        if (_paths.Add(path))
        {
            Facts.Paths++;
        }

        if (_clients.Add(Encoding.UTF8.GetString(key)))
        {
            Facts.Clients++;
        }

        // Clicks are made in the order of their times.
        var at = SinceYear1(time);
        if (!_lastErrors.TryGetValue((path, status), out var last) || at - last > Shapes.SessionGap)
        {
            Facts.Sessions++;
        }

        _lastErrors[(path, status)] = at;
    }

    private static TimeSpan SinceYear1(ReadOnlySpan<byte> time) => new(
        new DateOnly((int)Digits(time, 0, 4), (int)Digits(time, 5, 2), (int)Digits(time, 8, 2)).DayNumber,
        (int)Digits(time, 11, 2), (int)Digits(time, 14, 2), (int)Digits(time, 17, 2), (int)Digits(time, 20, 3));

    private static long Digits(ReadOnlySpan<byte> text, int start, int length) =>
        Utf8Parser.TryParse(text.Slice(start, length), out int number, out _) ? number : throw Unexpected(text);

    private static long? Number(ReadOnlySpan<byte> click, ReadOnlySpan<byte> name)
    {
        var at = click.IndexOf(name);
        return at < 0 ? null : Utf8Parser.TryParse(click[(at + name.Length)..], out long number, out _) ? number : throw Unexpected(click);
    }

    private static ReadOnlySpan<byte> Text(ReadOnlySpan<byte> click, ReadOnlySpan<byte> name)
    {
        var at = click.IndexOf(name);
        var rest = at < 0 ? throw Unexpected(click) : click[(at + name.Length)..];
        return rest[..rest.IndexOf((byte)'"')];
    }

    private static InvalidDataException Unexpected(ReadOnlySpan<byte> click) =>
        new($"The generator wrote a click that the benchmark's own count cannot read: {Encoding.UTF8.GetString(click)}");
}
