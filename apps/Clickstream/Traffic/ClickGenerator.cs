using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace Clickstream;

/// <summary>
/// Made-up traffic, the same for the same seed on every machine: 1,000 paths by Zipf's law (the n-th most popular path gets
/// 1/n of the first one's clicks), 14% errors, 100,000 clients, event time going forward evenly. A click is some 150 bytes of JSON. Not thread-safe.
/// </summary>
internal sealed class ClickGenerator
{
    /// <summary>How many different paths there are.</summary>
    public const int PathCount = 1000;

    /// <summary>The share of clicks whose status is 400 or more.</summary>
    public const double ErrorShare = 0.14;

    private const int ClientCount = 100_000;
    private const int AnonymousEvery = 8;

    private static readonly (int Status, double Weight)[] Successes = [(200, 0.9), (304, 0.06), (301, 0.04)];
    private static readonly (int Status, double Weight)[] Errors = [(404, 0.55), (500, 0.2), (503, 0.15), (403, 0.06), (429, 0.04)];

    private readonly DateTime _start;
    private readonly double _millisecondsPerClick;
    private readonly byte[][] _paths;
    private readonly AliasTable _popularity;
    private readonly int[] _statuses;
    private readonly AliasTable _statusShares;
    private readonly byte[] _value = new byte[512];
    private readonly byte[] _key = new byte[16];
    private readonly byte[] _second = new byte[20];
    private int _keyLength;
    private int _valueLength;
    private long _formattedSecond = long.MinValue;
    private ulong _state;

    /// <summary>Creates a generator that stands before its first click.</summary>
    /// <param name="seed">What makes this traffic different from other traffic.</param>
    /// <param name="start">The first click's event time, UTC.</param>
    /// <param name="clicksPerSecond">How many clicks share a second of event time. Above 0.</param>
    public ClickGenerator(long seed, DateTime start, double clicksPerSecond)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(clicksPerSecond);
        _state = (ulong)seed;
        _start = start;
        _millisecondsPerClick = 1000 / clicksPerSecond;
        _paths = [.. Paths().Select(Encoding.UTF8.GetBytes)];
        _popularity = new AliasTable([.. Enumerable.Range(1, PathCount).Select(n => 1.0 / n)]);
        _statuses = [.. Successes.Concat(Errors).Select(s => s.Status)];
        _statusShares = new AliasTable(
            [.. Successes.Select(s => s.Weight * (1 - ErrorShare)), .. Errors.Select(s => s.Weight * ErrorShare)]);
    }

    /// <summary>How many clicks were made.</summary>
    public long Count { get; private set; }

    /// <summary>The key of the last click: its client's address. Valid until the next click.</summary>
    public ReadOnlySpan<byte> Key => _key.AsSpan(0, _keyLength);

    /// <summary>The last click as JSON. Valid until the next click.</summary>
    public ReadOnlySpan<byte> Value => _value.AsSpan(0, _valueLength);

    /// <summary>Makes the next click.</summary>
    /// <returns>Its JSON, which is <see cref="Value"/>.</returns>
    public ReadOnlySpan<byte> Next()
    {
        var path = _paths[_popularity.Draw(Random())];
        var status = _statuses[_statusShares.Draw(Random())];
        var random = Random();
        var client = (int)((uint)random % ClientCount);
        var size = 200 + (int)((random >> 32) % 50_000);
        WriteKey(client);

        var milliseconds = (_start.Ticks / TimeSpan.TicksPerMillisecond) + (long)(Count * _millisecondsPerClick);
        var at = Append(0, "{\"time\":\""u8);
        at = AppendTime(at, milliseconds);
        at = Append(at, "\",\"path\":\""u8);
        at = Append(at, path);
        at = Append(at, "\",\"status\":"u8);
        at = AppendNumber(at, status);
        if (client % AnonymousEvery != 0)
        {
            at = Append(at, ",\"user_id\":"u8);
            at = AppendNumber(at, client);
        }

        at = Append(at, ",\"method\":\"GET\",\"protocol\":\"HTTP/1.1\",\"ip\":\""u8);
        at = Append(at, Key);
        at = Append(at, "\",\"bytes\":"u8);
        at = AppendNumber(at, size);
        at = Append(at, "}"u8);
        Count++;
        _valueLength = at;
        return Value;
    }

    /// <summary>The paths, the most popular one first.</summary>
    private static IEnumerable<string> Paths()
    {
        string[] pages = ["/", "/products", "/cart", "/search", "/login", "/checkout", "/account", "/api/items", "/help", "/news"];
        string[] families = ["/products/{0}", "/category/{0}/items", "/api/v1/orders/{0}", "/news/2026/{0}", "/images/banner-{0}.png"];
        return pages.Concat(Enumerable.Range(pages.Length, PathCount - pages.Length)
            .Select(n => string.Format(CultureInfo.InvariantCulture, families[n % families.Length], n)));
    }

    /// <summary>SplitMix64: its sequence is part of what a seed means, so it is not left to the runtime.</summary>
    private ulong Random()
    {
        _state += 0x9E37_79B9_7F4A_7C15;
        var z = _state;
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        return z ^ (z >> 31);
    }

    /// <summary>Addresses in 198.18.0.0/15, which nobody has: the range is set aside for benchmarks.</summary>
    private void WriteKey(int client)
    {
        "198."u8.CopyTo(_key);
        var at = AppendByte(4, 18 + (client >> 16));
        at = AppendByte(at, (client >> 8) & 0xFF);
        _keyLength = AppendByte(at, client & 0xFF) - 1;

        int AppendByte(int at, int value)
        {
            Utf8Formatter.TryFormat(value, _key.AsSpan(at), out var written);
            _key[at + written] = (byte)'.';
            return at + written + 1;
        }
    }

    private int Append(int at, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_value.AsSpan(at));
        return at + bytes.Length;
    }

    private int AppendNumber(int at, int number)
    {
        Utf8Formatter.TryFormat(number, _value.AsSpan(at), out var written);
        return at + written;
    }

    private int AppendTime(int at, long milliseconds)
    {
        var (second, fraction) = Math.DivRem(milliseconds, 1000);
        if (second != _formattedSecond)
        {
            _formattedSecond = second;
            new DateTime(second * TimeSpan.TicksPerSecond, DateTimeKind.Utc)
                .TryFormat(_second, out _, "yyyy-MM-ddTHH:mm:ss.", CultureInfo.InvariantCulture);
        }

        at = Append(at, _second);
        _value[at] = (byte)('0' + (fraction / 100));
        _value[at + 1] = (byte)('0' + (fraction / 10 % 10));
        _value[at + 2] = (byte)('0' + (fraction % 10));
        _value[at + 3] = (byte)'Z';
        return at + 4;
    }

    /// <summary>Draws indices with given weights in constant time (Walker's alias method, Vose's construction).</summary>
    private sealed class AliasTable
    {
        private readonly uint[] _thresholds;
        private readonly int[] _aliases;

        public AliasTable(double[] weights)
        {
            var count = weights.Length;
            var total = weights.Sum();
            var scaled = weights.Select(w => w * count / total).ToArray();
            var below = new Stack<int>(Enumerable.Range(0, count).Where(i => scaled[i] < 1));
            var above = new Stack<int>(Enumerable.Range(0, count).Where(i => scaled[i] >= 1));
            _thresholds = [.. Enumerable.Repeat(uint.MaxValue, count)];
            _aliases = [.. Enumerable.Range(0, count)];
            while (below.TryPop(out var small) && above.TryPeek(out var large))
            {
                _thresholds[small] = (uint)(scaled[small] * uint.MaxValue);
                _aliases[small] = large;
                scaled[large] -= 1 - scaled[small];
                if (scaled[large] < 1)
                {
                    below.Push(above.Pop());
                }
            }
        }

        /// <summary>The upper half of <paramref name="random"/> chooses the column, the lower one whether its alias stands in.</summary>
        public int Draw(ulong random)
        {
            var column = (int)(((random >> 32) * (ulong)_thresholds.Length) >> 32);
            return (uint)random <= _thresholds[column] ? column : _aliases[column];
        }
    }
}
