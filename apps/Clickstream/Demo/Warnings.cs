using Microsoft.Extensions.Logging;

namespace Clickstream;

/// <summary>Keeps what the node warns of, for a view that a console logger would tear apart.</summary>
internal sealed class Warnings : ILoggerProvider
{
    private const int Kept = 100;

    private readonly Lock _lock = new();
    private readonly Queue<string> _lines = new();
    private long _count;

    /// <summary>How many there were.</summary>
    public long Count => Interlocked.Read(ref _count);

    /// <summary>The last of them.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lock)
            {
                return [.. _lines];
            }
        }
    }

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new Logger(this);

    /// <inheritdoc/>
    public void Dispose() { }

    private void Add(LogLevel level, string message)
    {
        var line = $"{DateTime.Now:HH:mm:ss} {(level >= LogLevel.Error ? "error" : "warning")}: {message}";
        lock (_lock)
        {
            _count++;
            _lines.Enqueue(line);
            if (_lines.Count > Kept)
            {
                _lines.Dequeue();
            }
        }
    }

    private sealed class Logger(Warnings owner) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                owner.Add(logLevel, formatter(state, exception));
            }
        }
    }
}
