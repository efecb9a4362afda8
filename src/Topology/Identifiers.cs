using System.Text;

namespace Streams;

/// <summary>Rules for names that become SQL identifiers or topics.</summary>
internal static class Identifiers
{
    /// <summary>PostgreSQL cuts longer names silently (NAMEDATALEN - 1), so they are refused.</summary>
    public const int MaxBytes = 63;

    /// <summary>What is wrong with an SQL name, or <c>null</c>.</summary>
    public static string? Problem(string name) => name switch
    {
        "" => "the name is empty",
        _ when name.Contains('\0', StringComparison.Ordinal) => "the name holds a NUL character",
        _ when Encoding.UTF8.GetByteCount(name) > MaxBytes =>
            $"the name has {Encoding.UTF8.GetByteCount(name)} bytes; PostgreSQL takes at most {MaxBytes}",
        _ => null,
    };

    /// <summary>What is wrong with a topic's name, or <c>null</c>. Kafka's own rule.</summary>
    public static string? TopicProblem(string name) => name switch
    {
        "" => "the name is empty",
        "." or ".." => "the name may not be '.' or '..'",
        { Length: > 249 } => $"the name has {name.Length} characters; Kafka takes at most 249",
        _ when name.Any(c => !(char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-')) =>
            "the name may hold only ASCII letters, digits, '.', '_' and '-'",
        _ => null,
    };

    /// <summary><c>UserId</c> becomes <c>user_id</c>; <c>HTTPStatus</c> becomes <c>http_status</c>.</summary>
    public static string SnakeCase(string name)
    {
        var result = new StringBuilder(name.Length + 4);
        for (var i = 0; i < name.Length; i++)
        {
            var startsWord = char.IsUpper(name[i]) && i > 0
                && (!char.IsUpper(name[i - 1]) || (i + 1 < name.Length && char.IsLower(name[i + 1])));
            if (startsWord && name[i - 1] != '_')
            {
                result.Append('_');
            }

            result.Append(char.ToLowerInvariant(name[i]));
        }

        return result.ToString();
    }

    /// <summary>Quotes a name for SQL.</summary>
    public static string Quote(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
