namespace Clickstream;

/// <summary>
/// Reads a stream line by line, as bytes: an access log may hold anything. Lines end with LF or CRLF; the last one may go without.
/// A line longer than <paramref name="maxLineBytes"/> is read to its end, and not kept.
/// </summary>
/// <param name="stream">What to read. Stays open.</param>
/// <param name="maxLineBytes">The longest line to keep, in bytes. Default 1 MiB.</param>
internal sealed class LineReader(Stream stream, int maxLineBytes = 1 << 20)
{
    private byte[] _buffer = new byte[64 * 1024];
    private int _start;
    private int _scanned;
    private int _end;
    private bool _ended;

    /// <summary>The line that was read last, without its line break; valid until the next one is read.</summary>
    public ReadOnlyMemory<byte> Line { get; private set; }

    /// <summary>Its number, from 1.</summary>
    public long Number { get; private set; }

    /// <summary>Whether it was too long to keep; <see cref="Line"/> is then empty.</summary>
    public bool TooLong { get; private set; }

    /// <summary>Reads the next line. <c>false</c> at the end.</summary>
    public async ValueTask<bool> ReadAsync(CancellationToken cancellation)
    {
        TooLong = false;
        while (true)
        {
            var lineBreak = _buffer.AsSpan(_scanned, _end - _scanned).IndexOf((byte)'\n');
            if (lineBreak >= 0)
            {
                Take(_scanned + lineBreak);
                _start = _scanned = _scanned + lineBreak + 1;
                return true;
            }

            _scanned = _end;
            if (_end - _start > maxLineBytes)
            {
                TooLong = true;
                _start = _scanned = _end = 0;
            }

            if (_ended || !await FillAsync(cancellation))
            {
                _ended = true;
                if (_end == _start && !TooLong)
                {
                    return false;
                }

                Take(_end);
                _start = _scanned = _end;
                return true;
            }
        }
    }

    private void Take(int end)
    {
        Number++;
        TooLong |= end - _start > maxLineBytes;
        var length = end - _start;
        if (length > 0 && _buffer[end - 1] == '\r')
        {
            length--;
        }

        Line = TooLong ? default : _buffer.AsMemory(_start, length);
    }

    private async ValueTask<bool> FillAsync(CancellationToken cancellation)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_scanned, _end, _start) = (_scanned - _start, _end - _start, 0);
        }

        if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, _buffer.Length * 2);
        }

        // Standard input cannot be cancelled while it waits for a terminal or a pipe, so the wait is given up instead.
        var read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellation).AsTask().WaitAsync(cancellation);
        _end += read;
        return read > 0;
    }
}
