using System.Runtime.CompilerServices;
using Streams.Hosting.Kafka;
using Streams.Hosting.Kafka.Native;
using TestKit;

namespace Streams.Hosting.Tests.Kafka;

internal static class TestKafkaExtensions
{
    extension(TestKafka kafka)
    {
        /// <summary>The mock cluster before librdkafka 2.2 makes any topic that is asked for, whether allowed to or not.</summary>
        public bool MakesTopicsUnasked => !kafka.IsReal && Version.Parse(LibRdKafka.Version) < new Version(2, 2);

        public KafkaSettings Settings(params (string Name, string Value)[] consumer) =>
            new(kafka.BootstrapServers, consumer: consumer.Select(p => KeyValuePair.Create(p.Name, p.Value)));

        /// <summary>Makes a topic with a name of its own, which begins with the test's.</summary>
        public async Task<string> NewTopicAsync(int partitions, IReadOnlyDictionary<string, string>? configs = null, [CallerMemberName] string test = "")
        {
            var topic = TestKafka.UniqueName(test);
            await kafka.CreateTopicAsync(topic, partitions, configs);
            return topic;
        }
    }
}
