using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Streams.Hosting.DeadLetters;

namespace Clickstream;

/// <summary>The command <c>dlq show</c>: everything that is kept of one dead letter.</summary>
internal static class DlqShowCommand
{
    private const int HexBytesPerLine = 32;

    private enum RawPart
    {
        Key,
        Value,
    }

    private static readonly Option<RawPart?> Raw = new("--raw") { Description = "Write the bytes of the key or the value to standard output, and nothing else.", HelpName = "key|value" };

    private static readonly Option<OutputFormat> Output = Settings.OutputOption();

    public static Command Create()
    {
        var command = DlqSelection.ForOne(new Command("show", "Show one dead letter with key, value, headers and error.") { Raw, Output });
        command.SetAction(RunAsync);
        return command;
    }

    private static Task<int> RunAsync(ParseResult arguments, CancellationToken cancellation) =>
        DlqCommand.RunAsync(arguments, async letters =>
        {
            var position = arguments.Selection(DeadLetterStates.None).Positions[0];
            if (await letters.FindAsync(position, cancellation) is not { } letter)
            {
                arguments.InvocationConfiguration.Error.WriteLine($"There is no dead letter {position}.");
                return 1;
            }

            if (arguments.GetValue(Raw) is { } part)
            {
                await using var bytes = Console.OpenStandardOutput();
                await bytes.WriteAsync((part == RawPart.Key ? letter.Key : letter.Value) ?? default, cancellation);
                return 0;
            }

            arguments.InvocationConfiguration.Output.WriteLine(arguments.GetValue(Output) == OutputFormat.Json ? Json(letter) : Text(letter));
            return 0;
        });

    /// <summary>For people: a line each, then error, key and value as text where they are, else in hexadecimal.</summary>
    public static string Text(DeadLetterDetails letter)
    {
        var row = letter.Row;
        var text = new StringBuilder();
        text.AppendLine($"{row.Position}: {DlqCommand.Word(row.State)}");
        Line("since", Time(row.Time));
        Line("requested", Time(row.RequestedAt));
        Line("replayed", Time(row.ReplayedAt));
        Line("kafka time", Time(row.KafkaTime));
        Line("stream time", Time(letter.StreamTime));
        Line("failed", string.Create(CultureInfo.InvariantCulture, $"{row.Attempts} x"));
        Line("node", row.Node);
        Line("reason", row.Reason);
        Line("error", letter.Error?.ReplaceLineEndings("\n" + new string(' ', 14)));
        foreach (var (name, value) in letter.Headers)
        {
            Line("header", $"{name}: {(value is null ? "null" : Shown(value))}");
        }

        Part("key", letter.Key);
        Part("value", letter.Value);
        return text.ToString().TrimEnd();

        void Line(string name, string? value)
        {
            if (value is not null)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"  {name,-11} {value}");
            }
        }

        void Part(string name, ReadOnlyMemory<byte>? bytes)
        {
            text.AppendLine(bytes is { } some ? string.Create(CultureInfo.InvariantCulture, $"{name} ({some.Length:N0} bytes):") : $"{name}: null");
            if (bytes is { Length: > 0 } content)
            {
                text.AppendLine(Shown(content.Span));
            }
        }
    }

    private static string Json(DeadLetterDetails letter) => JsonSerializer.Serialize(new
    {
        dead_letter = DlqListCommand.Members(letter.Row),
        error = letter.Error,
        stream_time = letter.StreamTime,
        headers = letter.Headers.Select(h => new { name = h.Key, value = Members(h.Value) }),
        key = Members(letter.Key),
        value = Members(letter.Value),
    });

    private static object? Members(ReadOnlyMemory<byte>? bytes) =>
        bytes is not { } some ? null
        : IsText(some.Span) ? new { text = Encoding.UTF8.GetString(some.Span) }
        : new { base64 = Convert.ToBase64String(some.Span) };

    private static string Shown(ReadOnlySpan<byte> bytes)
    {
        if (IsText(bytes))
        {
            return Encoding.UTF8.GetString(bytes);
        }

        var lines = new StringBuilder();
        for (var at = 0; at < bytes.Length; at += HexBytesPerLine)
        {
            lines.Append(at == 0 ? "" : "\n").Append(Convert.ToHexString(bytes.Slice(at, Math.Min(HexBytesPerLine, bytes.Length - at))));
        }

        return lines.ToString();
    }

    /// <summary>Control characters could do anything to a terminal.</summary>
    private static bool IsText(ReadOnlySpan<byte> bytes) =>
        Utf8.IsValid(bytes) && !Encoding.UTF8.GetString(bytes).Any(c => char.IsControl(c) && c is not ('\t' or '\n' or '\r'));

    private static string? Time(DateTime? time) => time?.ToString("yyyy-MM-dd HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
