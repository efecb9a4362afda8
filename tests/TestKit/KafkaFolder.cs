using System.Diagnostics;
using System.Globalization;
using Streams.Hosting.Embedded;

namespace TestKit;

/// <summary>
/// Real brokers, run by a script (CONTRIBUTING.md says what it does) under a small shell that takes them down and wipes their
/// data when this process ends, however it ends.
/// </summary>
internal sealed class KafkaFolder : IAsyncDisposable
{
    // $1 the script, $2 the brokers' folder, the rest is for the script. Signals are ignored only once the brokers run: they
    // would inherit that.
    private const string Keeper = """
        script=$1 dir=$2
        shift 2
        "$script" up --dir "$dir" "$@" || exit
        trap '' INT TERM HUP
        while read -r _; do :; done
        for pid in "$dir"/*/pid; do kill -s KILL "$(cat "$pid")" 2>/dev/null; done
        rm -rf "$dir" 2>/dev/null || { sleep 1; rm -rf "$dir"; }
        """;

    private const string ScriptVariable = "STREAMS_TEST_KAFKA_SCRIPT";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string script;
    private readonly string folder;
    private readonly Process keeper;

    private KafkaFolder(string script, string folder, Process keeper, string bootstrapServers, int brokers, int port)
    {
        this.script = script;
        this.folder = folder;
        this.keeper = keeper;
        BootstrapServers = bootstrapServers;
        Brokers = brokers;
        SecureServers = $"localhost:{port + 2}";
    }

    public string BootstrapServers { get; }

    /// <summary>How many brokers there are; their ids count from 1.</summary>
    public int Brokers { get; }

    /// <summary>The first broker's listener for SASL_SSL, if it was asked for.</summary>
    public string SecureServers { get; }

    /// <summary>The authority that signed the brokers' certificates, if SASL_SSL was asked for.</summary>
    public string AuthorityFile => Path.Combine(folder, "tls", "ca.pem");

    /// <summary>
    /// The script that runs brokers: the one that STREAMS_TEST_KAFKA_SCRIPT names, else <c>shared/kafka/kafka</c> beside the
    /// repository; null where that, or the Java that it needs, is missing.
    /// </summary>
    public static string? FindScript()
    {
        if (Environment.GetEnvironmentVariable(ScriptVariable) is { Length: > 0 } named)
        {
            return File.Exists(named) ? named : throw new FileNotFoundException($"{ScriptVariable} names {named}, which is not there.", named);
        }
        string script = Path.GetFullPath(Path.Combine(Repository.Root, "..", "shared", "kafka", "kafka"));
        bool java = Environment.GetEnvironmentVariable("JAVA_HOME") is { Length: > 0 } || Command.Find("java") is not null;
        return File.Exists(script) && java ? script : null;
    }

    /// <summary>Starts brokers.</summary>
    /// <param name="script">What <see cref="FindScript"/> found.</param>
    /// <param name="brokers">How many.</param>
    /// <param name="secure">Whether they also listen for SASL_SSL, and ask access control lists what its users may do.</param>
    /// <param name="cancel">Ends the waiting.</param>
    public static async Task<KafkaFolder> StartAsync(string script, int brokers, bool secure, CancellationToken cancel)
    {
        const int Attempts = 3;
        for (int attempt = 1; ; attempt++)
        {
            string folder = Path.Combine(Path.GetTempPath(), $"streams-tests-kafka-{Guid.NewGuid():N}");
            // The two ports behind it are the broker's, too; the next broker's begin ten later.
            int port = FreePort.Next((10 * (brokers - 1)) + 3);
            string[] options = ["--port", Text(port), "--brokers", Text(brokers), .. secure ? ["--secure"] : Array.Empty<string>()];
            Process keeper = Process.Start(
                Command.PrepareOwnSession("/bin/sh", ["-c", Keeper, "kafka-keeper", script, folder, .. options], user: null))!;
            Task<string> errors = keeper.StandardError.ReadToEndAsync(CancellationToken.None);
            if (await keeper.StandardOutput.ReadLineAsync(cancel) is { Length: > 0 } address)
            {
                return new KafkaFolder(script, folder, keeper, address, brokers, port);
            }
            keeper.StandardInput.Close();
            if (attempt == Attempts)
            {
                throw new InvalidOperationException($"The Kafka broker of {script} does not start: {await errors}");
            }
        }
    }

    /// <summary>Starts a broker after <see cref="EndAsync"/>, and waits until it answers.</summary>
    public async Task StartAgainAsync(int broker)
    {
        CommandResult started = await Task.Run(() => Command.Run(script, ["start", Text(broker), "--dir", folder]));
        if (started.ExitCode != 0)
        {
            throw new InvalidOperationException($"Kafka broker {broker} does not start again: {started.Output}");
        }
    }

    /// <summary>Runs one of Kafka's own tools, such as <c>acls</c>, on these brokers, and returns what it wrote.</summary>
    public async Task<string> RunToolAsync(string tool, IEnumerable<string> arguments)
    {
        CommandResult ran = await Task.Run(() => Command.Run(script, [tool, "--bootstrap-server", BootstrapServers, .. arguments]));
        return ran.ExitCode == 0 ? ran.Output : throw new InvalidOperationException($"kafka {tool} failed: {ran.Output}");
    }

    /// <summary>Ends a broker's process, in order or not, and waits until it is gone.</summary>
    public async Task EndAsync(int broker, ProcessSignal signal)
    {
        int process = BrokerProcess(broker);
        Signal(broker, signal);
        await Eventually.True(() => Posix.CommandLineOf(process) is null, Patience, $"Kafka broker {broker}, process {process}, ends");
        // The script takes a process that has ended, but that the system still lists, for a running one.
        File.Delete(PidFile(broker));
    }

    /// <summary>Sends a broker's process a signal.</summary>
    public void Signal(int broker, ProcessSignal signal)
    {
        int process = BrokerProcess(broker);
        if (!NodeProcess.Signal(process, signal))
        {
            throw new InvalidOperationException($"Kafka broker {broker} in {folder}, process {process}, has ended.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        keeper.StandardInput.Close();
        await keeper.WaitForExitAsync();
        keeper.Dispose();
    }

    private string PidFile(int broker) => Path.Combine(folder, Text(broker), "pid");

    private int BrokerProcess(int broker) => File.Exists(PidFile(broker))
        ? int.Parse(File.ReadAllText(PidFile(broker)), CultureInfo.InvariantCulture)
        : throw new InvalidOperationException($"Kafka broker {broker} in {folder} does not run.");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
