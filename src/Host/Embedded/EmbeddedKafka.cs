using System.Runtime.InteropServices;
using Streams.Hosting.Kafka.Native;

namespace Streams.Hosting.Embedded;

/// <summary>
/// A Kafka broker inside this process, for trying things out and for tests: librdkafka's own mock cluster. It listens on a
/// free port of 127.0.0.1, and any Kafka client can talk to it. Groups, rebalancing and transactions work; but the records of
/// an aborted transaction stay visible, even to <c>read_committed</c>.
/// </summary>
/// <remarks>
/// It keeps everything in memory, at most 5 MB or 100,000 records a partition (then the oldest go), and knows no admin
/// requests: topics are made with <see cref="CreateTopic"/>, or by a producer that asks for one (then with 4 partitions).
/// When a member joins or leaves a group that others are in, it waits for all of them one second less than their
/// <c>session.timeout.ms</c>: clients of it do well to set that to 4 seconds. Less than 3 never ends with librdkafka before 2.6.
/// <example><code>
/// await using EmbeddedKafka kafka = EmbeddedKafka.Start();
/// kafka.CreateTopic("clickstream", 4);
/// var config = new ConsumerConfig { BootstrapServers = kafka.BootstrapServers, GroupId = "readers" };
/// </code></example>
/// </remarks>
public sealed class EmbeddedKafka : IAsyncDisposable
{
    private readonly Lock gate = new();
    private readonly nint handle;
    private nint cluster;

    private EmbeddedKafka(nint handle, nint cluster)
    {
        this.handle = handle;
        this.cluster = cluster;
        BootstrapServers = Marshal.PtrToStringUTF8(MockClusterNative.ClusterBootstraps(cluster))!;
    }

    /// <summary>The address for clients: <c>127.0.0.1:PORT</c>, one per broker, with commas.</summary>
    public string BootstrapServers { get; }

    /// <summary>Starts a cluster.</summary>
    /// <param name="brokers">How many brokers it has. Default: 1.</param>
    /// <exception cref="DllNotFoundException">librdkafka is missing; the message says what to install.</exception>
    /// <exception cref="EmbeddedServerException">librdkafka could not start it.</exception>
    public static unsafe EmbeddedKafka Start(int brokers = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(brokers, 1);
        LibRdKafka.EnsureLoaded();
        nint conf = MockClusterNative.ConfNew();
        // Otherwise it would warn, on standard error, of having no servers to connect to.
        MockClusterNative.ConfSetLogCallback(conf, nint.Zero);
        const int ErrorSize = 512;
        byte* error = stackalloc byte[ErrorSize];
        nint handle = MockClusterNative.New(MockClusterNative.Producer, conf, error, ErrorSize);
        if (handle == nint.Zero)
        {
            MockClusterNative.ConfDestroy(conf);
            throw new EmbeddedServerException($"The embedded Kafka does not start: {Marshal.PtrToStringUTF8((nint)error)}");
        }
        nint cluster = MockClusterNative.ClusterNew(handle, brokers);
        if (cluster == nint.Zero)
        {
            MockClusterNative.Destroy(handle);
            throw new EmbeddedServerException("The embedded Kafka does not start: librdkafka cannot listen on 127.0.0.1.");
        }
        DoNotWaitForMoreMembers(cluster);
        return new EmbeddedKafka(handle, cluster);
    }

    /// <summary>Creates a topic.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="partitions">How many partitions it has, at least 1.</param>
    /// <returns>False when there is such a topic already, whatever its partitions.</returns>
    public bool CreateTopic(string name, int partitions)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentOutOfRangeException.ThrowIfLessThan(partitions, 1);
        int error;
        lock (gate)
        {
            error = MockClusterNative.TopicCreate(Cluster(), name, partitions, 1);
        }
        if (error == MockClusterNative.TopicAlreadyExists)
        {
            return false;
        }
        ThrowIf(error, $"The embedded Kafka cannot create the topic {name} with {partitions} partitions");
        return true;
    }

    /// <summary>Breaks all connections and refuses new ones, as if the brokers were down; topics and records stay.</summary>
    public void GoDown()
    {
        lock (gate)
        {
            ThrowIf(MockClusterNative.BrokerSetDown(Cluster(), MockClusterNative.AllBrokers), "The embedded Kafka cannot go down");
        }
    }

    /// <summary>Accepts connections again after <see cref="GoDown"/>.</summary>
    public void ComeUp()
    {
        lock (gate)
        {
            ThrowIf(MockClusterNative.BrokerSetUp(Cluster(), MockClusterNative.AllBrokers), "The embedded Kafka cannot come up");
        }
    }

    /// <summary>Ends the cluster; its topics and records are gone.</summary>
    public async ValueTask DisposeAsync()
    {
        nint ending;
        lock (gate)
        {
            ending = cluster;
            cluster = nint.Zero;
        }
        if (ending != nint.Zero)
        {
            // It waits for the cluster's own thread.
            await Task.Run(() =>
            {
                MockClusterNative.ClusterDestroy(ending);
                MockClusterNative.Destroy(handle);
            });
        }
    }

    /// <summary>A new group would wait 3 s for further members, which nobody who tries things out wants.</summary>
    private static void DoNotWaitForMoreMembers(nint cluster)
    {
        try
        {
            MockClusterNative.GroupInitialRebalanceDelay(cluster, 0);
        }
        catch (EntryPointNotFoundException)
        {
            // An older librdkafka, which cannot be told: there it waits.
        }
    }

    private nint Cluster()
    {
        ObjectDisposedException.ThrowIf(cluster == nint.Zero, this);
        return cluster;
    }

    private static void ThrowIf(int error, string what)
    {
        if (error != 0)
        {
            throw new EmbeddedServerException($"{what}: {Marshal.PtrToStringUTF8(MockClusterNative.ErrorText(error))}.");
        }
    }
}
