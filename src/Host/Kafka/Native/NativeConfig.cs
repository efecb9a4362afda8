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

    /// <summary>Makes a client of these properties and drops it again, without connecting.</summary>
    /// <exception cref="KafkaSettingsException">The library refuses them, one by one or together.</exception>
    public static void Try(int type, IEnumerable<KeyValuePair<string, string>> properties, Func<string, string> origin, string sections)
    {
        // Without servers there is nothing to connect to; that it says so is of no use.
        var conf = Create([.. properties.Where(p => p.Key != "bootstrap.servers"), new("log_level", "0")], origin);
        var error = stackalloc byte[NativeText.ErrorBytes];
        var rk = NativeMethods.rd_kafka_new(type, conf, error, NativeText.ErrorBytes);
        if (rk == 0)
        {
            NativeMethods.rd_kafka_conf_destroy(conf);
            throw new KafkaSettingsException($"{sections} do not go together: {NativeText.Read(error)}.");
        }

        NativeMethods.rd_kafka_destroy(rk);
    }

    // The library's message repeats the value, which may be a secret.
    private static string Said(string message, string value, string name) =>
        KafkaSettings.IsSecret(name) || (value.Length > 0 && KafkaSettings.HidesCredentials(value)) ? "." : $": {message}";
}
