namespace Streams.Hosting.Kafka;

/// <summary>A setting for Kafka is wrong; the message names its key and says what to do.</summary>
internal sealed class KafkaSettingsException(string message) : StreamsConfigurationException(message);
