using System.Text;

namespace Streams.Hosting.Kafka.Native;

/// <summary>A librdkafka that was loaded: by which name, and what it says of itself.</summary>
internal sealed record LibRdKafkaFile(string Name, nint Handle, string Version);

/// <summary>Where to look for librdkafka, in which order, and what to say when it is not there.</summary>
/// <param name="Candidates">Names or full paths, the best first.</param>
/// <param name="MinimumVersion">As <c>rd_kafka_version()</c> writes it: 0xMMmmrrpp.</param>
/// <param name="Advice">What a user can do when none of them can be loaded.</param>
/// <param name="DiffersFromConfluentsOwn">Whether Confluent.Kafka, left alone, would look elsewhere.</param>
internal sealed record LibRdKafkaSearch(
    IReadOnlyList<string> Candidates, long MinimumVersion, string Advice, bool DiffersFromConfluentsOwn)
{
#if KAFKA_NATIVE_SYSTEM
    // Confluent.Kafka 1.9.3 binds to any librdkafka from 1.9 on.
    private const long Minimum = 0x010900ff;
#else
    // Confluent.Kafka 2.x calls functions that came with librdkafka 2.1.
    private const long Minimum = 0x020100ff;
#endif

    /// <summary>The search that fits this build and this machine.</summary>
    /// <param name="configuredPath">The value of <see cref="LibRdKafka.PathVariable"/>, if it is set.</param>
    public static LibRdKafkaSearch ForThisProcess(string? configuredPath)
    {
        if (!string.IsNullOrEmpty(configuredPath))
        {
            return ForFile(configuredPath);
        }
#if KAFKA_NATIVE_SYSTEM
        return ForMachine(OperatingSystem.IsMacOS());
#else
        return ForPackage(System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier);
#endif
    }

    /// <summary>One file that the user has named, and nothing else: a wrong name must not be passed over.</summary>
    public static LibRdKafkaSearch ForFile(string path) => new([Path.GetFullPath(path)], Minimum,
        $"It is named by the environment variable {LibRdKafka.PathVariable}: correct that to the full path of a librdkafka, or unset it.",
        DiffersFromConfluentsOwn: true);

    /// <summary>The library that the machine's package manager installed.</summary>
    public static LibRdKafkaSearch ForMachine(bool mac) => mac
        ? new(["librdkafka.1.dylib", "/opt/homebrew/lib/librdkafka.1.dylib", "/usr/local/lib/librdkafka.1.dylib"], Minimum,
            $"Install it with `brew install librdkafka`, or name a file in {LibRdKafka.PathVariable}.", DiffersFromConfluentsOwn: true)
        : new(["librdkafka.so.1"], Minimum,
            "Install it with `apt-get install librdkafka1` (Debian, Ubuntu; elsewhere the package is called librdkafka), "
            + $"or name a file in {LibRdKafka.PathVariable}.", DiffersFromConfluentsOwn: true);

    /// <summary>The library in the application's own folder, under the names that librdkafka.redist gives it.</summary>
    public static LibRdKafkaSearch ForPackage(string runtimeIdentifier)
    {
        // The plain Linux library needs the machine's libsasl2 (for Kerberos); centos8- is the same one without that need.
        string[] names = runtimeIdentifier.Contains("musl", StringComparison.Ordinal)
            || runtimeIdentifier.StartsWith("alpine", StringComparison.Ordinal) ? ["alpine-librdkafka"]
            : OperatingSystem.IsLinux() ? ["librdkafka", "centos8-librdkafka"]
            : ["librdkafka"];
        return new LibRdKafkaSearch(names, Minimum,
            $"The NuGet package librdkafka.redist brings it for this platform ({runtimeIdentifier}) if it supports it, into the application's "
            + "folder or its runtimes folder: publish the application again, whole. Or name a file in "
            + $"{LibRdKafka.PathVariable}, or build with `-p:KafkaNative=system` to use the machine's (Debian: `apt-get install librdkafka1`).",
            DiffersFromConfluentsOwn: false);
    }

    /// <summary>Loads the first candidate that can be loaded and is new enough.</summary>
    /// <param name="load">Loads a library by name or path, or throws.</param>
    /// <param name="versionOf">Asks a loaded library for its version.</param>
    /// <exception cref="DllNotFoundException">None can; says which were tried, what became of each, and what to do.</exception>
    public LibRdKafkaFile Find(Func<string, nint> load, Func<nint, (long Number, string Text)> versionOf)
    {
        var failures = new StringBuilder();
        Exception? first = null;
        foreach (string candidate in Candidates)
        {
            try
            {
                if (Path.IsPathRooted(candidate) && !File.Exists(candidate))
                {
                    failures.Append($" {candidate}: there is no such file.");
                    continue;
                }
                nint handle = load(candidate);
                (long number, string text) = versionOf(handle);
                if (number >= MinimumVersion)
                {
                    return new LibRdKafkaFile(candidate, handle, text);
                }
                failures.Append($" {candidate}: its version {text} is older than the {Major(MinimumVersion)} needed.");
            }
            catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException)
            {
                first ??= e;
                failures.Append($" {candidate}: {Reason(e, candidate)}");
            }
        }
        throw new DllNotFoundException($"Kafka's native library, librdkafka, could not be loaded. Tried{failures} {Advice}", first);
    }

    private static string Major(long version) => $"{version >> 24}.{(version >> 16) & 0xff}";

    /// <summary>
    /// The runtime lists every place it has looked at. What helps is a library that this one needs in turn and that is
    /// missing, or a file that is there but is none for this machine.
    /// </summary>
    private static string Reason(Exception e, string candidate)
    {
        if (e is EntryPointNotFoundException)
        {
            return "this is no librdkafka.";
        }
        string file = Path.GetFileName(candidate);
        string[] lines = e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[1..];
        string line = Array.Find(lines, l => !l.Contains(file, StringComparison.Ordinal))
            ?? Array.Find(lines, l => !l.Contains("No such file", StringComparison.Ordinal))
            ?? "not found";
        return line.EndsWith('.') ? line : line + ".";
    }
}
