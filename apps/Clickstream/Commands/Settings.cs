using System.CommandLine;
using Microsoft.Extensions.Configuration;

namespace Clickstream;

/// <summary>
/// The configuration that the commands share, the one that a node reads: <c>appsettings.json</c> beside the program, then environment
/// variables, then settings at the end of a command; the last one that names a value wins.
/// </summary>
internal static class Settings
{
    /// <summary>The bootstrap servers where neither the command line nor the configuration names any.</summary>
    public const string DefaultBootstrapServers = "localhost:9092";

    /// <summary>Reads the configuration.</summary>
    /// <param name="arguments">Settings from the end of a command, such as <c>--Clickstream:Clicks=clicks</c>.</param>
    public static IConfigurationRoot Load(params string[] arguments) => new ConfigurationBuilder()
        .AddJsonFile(Path.Combine(AppContext.BaseDirectory, "appsettings.json"), optional: true)
        .AddEnvironmentVariables()
        .AddCommandLine(arguments)
        .Build();

    /// <summary>The names of topics and tables.</summary>
    public static ClickstreamNames Names(this IConfiguration configuration) =>
        configuration.GetSection("Clickstream").Get<ClickstreamNames>() ?? new ClickstreamNames();

    /// <summary>What a node is told unless the configuration says otherwise.</summary>
    public static Dictionary<string, string?> ForNode() => new() { ["Streams:ApplicationId"] = "clickstream" };

    /// <summary>The option <c>--bootstrap-servers</c>.</summary>
    public static Option<string?> BootstrapServersOption() => new("--bootstrap-servers")
    {
        Description = $"Kafka's addresses, host:port,... Default: ConnectionStrings:Kafka, else {DefaultBootstrapServers}.",
        HelpName = "servers",
    };

    /// <summary>The option <c>-o</c>.</summary>
    public static Option<OutputFormat> OutputOption() => new("--output", "-o")
    {
        Description = "How the result is written to standard output.",
        HelpName = "text|json",
        DefaultValueFactory = _ => OutputFormat.Text,
    };

    /// <summary>Where Kafka is.</summary>
    public static string BootstrapServers(this IConfiguration configuration, string? option) =>
        option ?? configuration.GetConnectionString("Kafka") ?? DefaultBootstrapServers;

    /// <summary>
    /// The librdkafka properties of a section, such as <c>Kafka:Producer:linger.ms</c>. Since names of environment variables hold no
    /// dots, an underscore stands for one: <c>Kafka__Common__security_protocol</c>.
    /// </summary>
    public static IEnumerable<KeyValuePair<string, string>> KafkaProperties(this IConfiguration configuration, string section) =>
        from property in configuration.GetSection("Kafka").GetSection(section).GetChildren()
        where property.Value is not null
        select KeyValuePair.Create(property.Key.Replace('_', '.'), property.Value);
}

/// <summary>How a command writes its result.</summary>
internal enum OutputFormat
{
    /// <summary>For people.</summary>
    Text,
    /// <summary>For programs.</summary>
    Json,
}
