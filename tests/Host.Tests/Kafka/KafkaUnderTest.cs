using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging.Abstractions;
using Streams.Hosting.Kafka;
using Streams.Hosting.Kafka.Native;

[assembly: AssemblyFixture(typeof(Host.Tests.Kafka.KafkaUnderTest))]

namespace Host.Tests.Kafka;

/// <summary>The Kafka that STREAMS_TEST_KAFKA names, or librdkafka's own mock cluster in this process.</summary>
public sealed class KafkaUnderTest
{
    private readonly MockCluster? _mock;

    public KafkaUnderTest()
    {
        LibRdKafka.EnsureLoaded();
        if (Environment.GetEnvironmentVariable("STREAMS_TEST_KAFKA") is { Length: > 0 } address)
        {
            BootstrapServers = address;
            IsReal = true;
            return;
        }

        _mock = new MockCluster();
        BootstrapServers = _mock.BootstrapServers;
    }

    public string BootstrapServers { get; }

    public bool IsReal { get; }

    /// <summary>The mock cluster before librdkafka 2.2 makes any topic that is asked for, whether allowed to or not.</summary>
    public bool MakesTopicsUnasked => !IsReal && Version.Parse(LibRdKafka.Version) < new Version(2, 2);

    internal KafkaSettings Settings(params (string Name, string Value)[] consumer) =>
        new(BootstrapServers, consumer: consumer.Select(p => KeyValuePair.Create(p.Name, p.Value)));

    public static string UniqueName(string prefix) => $"{prefix}-{Guid.NewGuid().ToString("N")[..12]}";

    public async Task<string> CreateTopicAsync(int partitions, [System.Runtime.CompilerServices.CallerMemberName] string name = "")
    {
        var topic = UniqueName(name);
        if (_mock is not null)
        {
            _mock.CreateTopic(topic, partitions);
            return topic;
        }

        using var admin = new KafkaAdmin(Settings(), "tests", NullLogger.Instance);
        Assert.Equal(partitions, await admin.EnsureTopicAsync(topic, partitions, TestContext.Current.CancellationToken));
        return topic;
    }

    /// <summary>Lives until the process ends: destroying it earlier would wait for clients that are still connected.</summary>
    private sealed unsafe class MockCluster
    {
        private readonly nint _cluster;
        private readonly delegate* unmanaged[Cdecl]<nint, nint, int, int, int> _createTopic;

        public MockCluster()
        {
            var library = NativeLibrary.Load(LibRdKafka.Source, typeof(Confluent.Kafka.Library).Assembly, null);
            var newCluster = (delegate* unmanaged[Cdecl]<nint, int, nint>)NativeLibrary.GetExport(library, "rd_kafka_mock_cluster_new");
            var bootstraps = (delegate* unmanaged[Cdecl]<nint, nint>)NativeLibrary.GetExport(library, "rd_kafka_mock_cluster_bootstraps");
            _createTopic = (delegate* unmanaged[Cdecl]<nint, nint, int, int, int>)NativeLibrary.GetExport(library, "rd_kafka_mock_topic_create");
            byte error;
            var client = NativeMethods.rd_kafka_new(NativeMethods.TypeProducer, NativeMethods.rd_kafka_conf_new(), &error, 1);
            _cluster = newCluster(client, 1);
            BootstrapServers = Marshal.PtrToStringUTF8(bootstraps(_cluster))!;
        }

        public string BootstrapServers { get; }

        public void CreateTopic(string name, int partitions)
        {
            var utf8 = Marshal.StringToCoTaskMemUTF8(name);
            Assert.Equal(0, _createTopic(_cluster, utf8, partitions, 1));
            Marshal.FreeCoTaskMem(utf8);
        }
    }
}
