using Microsoft.Extensions.Logging;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Kafka;

/// <summary>The real client: calls that wait block a thread of the pool each.</summary>
internal sealed class KafkaTransactionalClient(
    KafkaSettings settings, string clientId, string transactionalId, KafkaRecordReader group, Action<KafkaFailure> onFailure, ILogger logger)
    : ITransactionalClient
{
    public ITransactionalProducer CreateProducer() => new Producer(new KafkaProducer(settings, clientId, transactionalId, onFailure, logger));

    public IGroupMembership Membership() => group.Membership();

    public Task<IReadOnlyList<LogPosition>> CommittedAsync(IReadOnlyCollection<TopicPartition> partitions, TimeSpan timeout) =>
        Task.Run(() => group.Committed(partitions, timeout));

    private sealed class Producer(KafkaProducer producer) : ITransactionalProducer
    {
        /// <summary>Records that take longer are waited for by the commit.</summary>
        private static readonly TimeSpan _deliveryPatience = TimeSpan.FromSeconds(1);

        private readonly KafkaTransactions _transactions = producer.Transactions!;

        public Task InitializeAsync(TimeSpan timeout) => Task.Run(() => _transactions.Initialize(timeout));

        public void Begin() => _transactions.Begin();

        public void Send(OutputBuffer records, CancellationToken cancellation) => producer.Send(records, 0, records.Count, cancellation);

        public Task DeliverAsync() => Task.Run(() => _transactions.AwaitDelivery(_deliveryPatience));

        public Task ArriveAsync(TimeSpan timeout) => Task.Run(() => producer.AwaitArrival(timeout));

        public Task SendOffsetsAsync(IReadOnlyCollection<PartitionOffset> offsets, IGroupMembership member, TimeSpan timeout) =>
            Task.Run(() => _transactions.SendOffsets(offsets, (GroupMetadata)member, timeout));

        public Task CommitAsync(TimeSpan timeout) => Task.Run(() => _transactions.Commit(timeout));

        public Task AbortAsync(TimeSpan timeout) => Task.Run(() => _transactions.Abort(timeout));

        public void Dispose() => producer.Dispose();
    }
}
