using Streams.Hosting.Kafka.Native;

namespace Streams.Hosting.Tests.Kafka;

public sealed class LibRdKafkaTests
{
    private static readonly (long, string) New = (0x7f000000, "127.0.0");

    [Fact]
    public void our_calls_and_those_of_confluent_kafka_reach_one_library()
    {
        LibRdKafka.EnsureLoaded();
        LibRdKafka.EnsureLoaded();
        Assert.Equal(Confluent.Kafka.Library.VersionString, LibRdKafka.Version);
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux lists a process' libraries in a file.");
        Assert.Single(File.ReadLines("/proc/self/maps").Where(l => l.Contains("rdkafka", StringComparison.Ordinal)).Select(l => l.Split(' ')[^1]).Distinct());
    }

    [Fact]
    public void a_path_that_leads_nowhere_is_named_and_nothing_else_is_tried()
    {
        var tried = new List<string>();
        DllNotFoundException e = Assert.Throws<DllNotFoundException>(() =>
            LibRdKafkaSearch.ForFile("/nowhere/librdkafka.so").Find(name => { tried.Add(name); return 1; }, _ => New));
        Assert.Equal(
            "Kafka's native library, librdkafka, could not be loaded. Tried /nowhere/librdkafka.so: there is no such file. "
            + "It is named by the environment variable STREAMS_LIBRDKAFKA: correct that to the full path of a librdkafka, or unset it.", e.Message);
        Assert.Empty(tried);
    }

    [Fact]
    public void a_machine_without_librdkafka_is_told_which_package_to_install()
    {
        DllNotFoundException e = Assert.Throws<DllNotFoundException>(() =>
            LibRdKafkaSearch.ForMachine(mac: false).Find(name => throw new DllNotFoundException($"Unable to load\n{name}: No such file"), _ => New));
        Assert.Equal(
            "Kafka's native library, librdkafka, could not be loaded. Tried librdkafka.so.1: not found. "
            + "Install it with `apt-get install librdkafka1` (Debian, Ubuntu; elsewhere the package is called librdkafka), "
            + "or name a file in STREAMS_LIBRDKAFKA.", e.Message);
        Assert.IsType<DllNotFoundException>(e.InnerException);
    }

    [Fact]
    public void a_mac_is_told_about_its_own_package_manager()
    {
        DllNotFoundException e = Assert.Throws<DllNotFoundException>(() =>
            LibRdKafkaSearch.ForMachine(mac: true).Find(name => throw new DllNotFoundException(name), _ => New));
        Assert.Contains("brew install librdkafka", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void a_package_whose_library_is_missing_names_the_platform_and_the_ways_out()
    {
        DllNotFoundException e = Assert.Throws<DllNotFoundException>(() =>
            LibRdKafkaSearch.ForPackage("linux-riscv64").Find(name => throw new DllNotFoundException(name), _ => New));
        Assert.Contains("librdkafka.redist brings it for this platform (linux-riscv64)", e.Message, StringComparison.Ordinal);
        Assert.Contains("apt-get install librdkafka1", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void the_library_that_needs_a_missing_one_gives_way_to_the_next_and_the_reason_is_kept()
    {
        LibRdKafkaSearch search = LibRdKafkaSearch.ForPackage("linux-x64") with { Candidates = ["librdkafka", "centos8-librdkafka"] };
        nint Load(string name) => name == "centos8-librdkafka" ? 7 : throw new DllNotFoundException(
            "Unable to load shared library 'librdkafka'\nlibsasl2.so.3: cannot open shared object file: No such file or directory\n/app/librdkafka: No such file");
        Assert.Equal(new LibRdKafkaFile("centos8-librdkafka", 7, "127.0.0"), search.Find(Load, _ => New));

        DllNotFoundException e = Assert.Throws<DllNotFoundException>(() => (search with { Candidates = ["librdkafka"] }).Find(Load, _ => New));
        Assert.Contains("Tried librdkafka: libsasl2.so.3: cannot open shared object file: No such file or directory.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void a_library_that_is_too_old_is_passed_over_with_both_versions_told()
    {
        LibRdKafkaSearch search = LibRdKafkaSearch.ForMachine(mac: false) with { MinimumVersion = 0x020100ff };
        DllNotFoundException e = Assert.Throws<DllNotFoundException>(() => search.Find(_ => 1, _ => (0x010600ff, "1.6.0")));
        Assert.Contains("librdkafka.so.1: its version 1.6.0 is older than the 2.1 needed.", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("linux-musl-x64", "alpine-librdkafka")]
    [InlineData("alpine.3.20-x64", "alpine-librdkafka")]
    [InlineData("linux-musl-arm64", "alpine-librdkafka")]
    public void alpine_has_a_library_of_its_own_and_no_other(string runtime, string expected)
        => Assert.Equal([expected], LibRdKafkaSearch.ForPackage(runtime).Candidates);

    [Fact]
    public async Task a_file_that_is_no_library_is_refused_with_the_reason()
    {
        string file = Path.Combine(Path.GetTempPath(), $"no-library-{Guid.NewGuid():N}.so");
        await File.WriteAllTextAsync(file, "this is text", TestContext.Current.CancellationToken);
        try
        {
            LibRdKafkaSearch search = LibRdKafkaSearch.ForThisProcess(file);
            DllNotFoundException e = Assert.Throws<DllNotFoundException>(() => search.Find(System.Runtime.InteropServices.NativeLibrary.Load, _ => New));
            Assert.StartsWith($"Kafka's native library, librdkafka, could not be loaded. Tried {file}: ", e.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("not found", e.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
