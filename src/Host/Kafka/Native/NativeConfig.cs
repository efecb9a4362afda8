namespace Streams.Hosting.Kafka.Native;

/// <summary>Builds and probes librdkafka configurations.</summary>
internal static unsafe class NativeConfig
{
    /// <summary>Whether the loaded library has such a property: newer ones have more.</summary>
    public static bool Knows(string name, string value)
    {
        LibRdKafka.EnsureLoaded();
        var conf = NativeMethods.rd_kafka_conf_new();
        var error = stackalloc byte[NativeText.ErrorBytes];
        var result = NativeMethods.rd_kafka_conf_set(conf, name, value, error, NativeText.ErrorBytes);
        NativeMethods.rd_kafka_conf_destroy(conf);
        return result != NativeMethods.ConfUnknown;
    }

    /// <returns>An <c>rd_kafka_conf_t</c>, which <c>rd_kafka_new</c> or the caller frees.</returns>
    /// <exception cref="KafkaSettingsException">The library does not know a property or refuses a value.</exception>
    public static nint Create(IEnumerable<KeyValuePair<string, string>> properties, Func<string, string> origin)
    {
        LibRdKafka.EnsureLoaded();
        var conf = NativeMethods.rd_kafka_conf_new();
        var error = stackalloc byte[NativeText.ErrorBytes];
        foreach (var (name, value) in properties)
        {
            var result = NativeMethods.rd_kafka_conf_set(conf, name, value, error, NativeText.ErrorBytes);
            if (result == NativeMethods.ConfOk)
            {
                continue;
            }

            NativeMethods.rd_kafka_conf_destroy(conf);
            throw new KafkaSettingsException(result == NativeMethods.ConfUnknown
                ? $"{origin(name)}: librdkafka {LibRdKafka.Version} has no property '{name}'. Correct the name or remove it."
                : $"{origin(name)}: librdkafka does not accept this value{Said(NativeText.Read(error), value, name)}");
        }

        return conf;
    }

    // The library's message repeats the value, which may be a secret.
    private static string Said(string message, string value, string name) =>
        KafkaSettings.IsSecret(name) || (value.Length > 0 && KafkaSettings.HidesCredentials(value)) ? "." : $": {message}";
}
