namespace Clickstream;

/// <summary>The clicks of an access log. Lines that are none are counted and reported; empty ones are passed over.</summary>
/// <param name="open">Opens the log, once per pass.</param>
/// <param name="loop">Whether to begin again at the end, forever, unless a pass has brought no click.</param>
/// <param name="clock">Where event times come from; <c>null</c> to take those of the log.</param>
/// <param name="skipped">Is told the number of each line that is no click, and what is wrong with it. May be called often.</param>
internal sealed class AccessLogClicks(Func<Stream> open, bool loop, TimeProvider? clock, Action<long, string> skipped) : IClickSource, IDisposable
{
    private readonly AccessLogClickWriter _writer = new();
    private byte[] _key = [];
    private int _keyLength;
    private Stream? _stream;
    private LineReader? _lines;
    private bool _foundAny;

    public ReadOnlySpan<byte> Key => _key.AsSpan(0, _keyLength);

    public ReadOnlySpan<byte> Value => _writer.Written;

    public long Skipped { get; private set; }

    public async ValueTask<bool> MoveNextAsync(CancellationToken cancellation)
    {
        while (true)
        {
            if (_lines is null)
            {
                _foundAny = false;
                _stream = open();
                _lines = new LineReader(_stream);
            }

            while (await _lines.ReadAsync(cancellation))
            {
                if (TryTake(_lines))
                {
                    return _foundAny = true;
                }
            }

            _stream?.Dispose();
            _lines = null;
            if (!loop || !_foundAny)
            {
                return false;
            }
        }
    }

    public void Dispose()
    {
        _stream?.Dispose();
        _writer.Dispose();
    }

    private bool TryTake(LineReader lines)
    {
        var text = lines.Line.Span;
        if (text.IsEmpty && !lines.TooLong)
        {
            return false;
        }

        string? error = "the line is too long";
        if (lines.TooLong || !AccessLog.TryParse(text, out var line, out error))
        {
            Skipped++;
            skipped(lines.Number, error!);
            return false;
        }

        _writer.Write(line, clock?.GetUtcNow().UtcDateTime ?? line.Time);
        if (_key.Length < line.ClientAddress.Length)
        {
            _key = new byte[line.ClientAddress.Length];
        }

        line.ClientAddress.CopyTo(_key);
        _keyLength = line.ClientAddress.Length;
        return true;
    }
}
