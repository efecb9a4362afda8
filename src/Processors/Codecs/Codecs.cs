using System.Text.Json.Serialization.Metadata;
using Newtonsoft.Json;

namespace Streams.Processors;

/// <summary>
/// The codecs that come with Streams. Numbers, text and UUIDs are written as Kafka's own serializers write them, so that
/// other clients read them. All are strict: bytes that are not exactly one such value are a <see cref="CodecException"/>.
/// </summary>
/// <example><code>builder.Stream("clickstream", Codecs.Utf8, Codecs.FastJson(ClickJson.Default.Click))</code></example>
public static class Codecs
{
    /// <summary>Text in UTF-8. Bytes that are not valid UTF-8, and text with half a surrogate pair, are refused.</summary>
    public static ICodec<string> Utf8 { get; } = new Utf8Codec();

    /// <summary>A 32-bit integer in 4 bytes, big-endian, as Kafka's <c>IntegerSerializer</c> writes it.</summary>
    public static ICodec<int> Int32 { get; } = new Int32Codec();

    /// <summary>A 64-bit integer in 8 bytes, big-endian, as Kafka's <c>LongSerializer</c> writes it.</summary>
    public static ICodec<long> Int64 { get; } = new Int64Codec();

    /// <summary>A floating-point number in 8 bytes, big-endian IEEE 754, as Kafka's <c>DoubleSerializer</c> writes it.</summary>
    public static ICodec<double> Double { get; } = new DoubleCodec();

    /// <summary>A UUID as 36 characters of text, as Kafka's <c>UUIDSerializer</c> writes it.</summary>
    public static ICodec<Guid> Guid { get; } = new GuidCodec();

    /// <summary>The bytes themselves.</summary>
    public static ICodec<byte[]> Bytes { get; } = new BytesCodec();

    /// <summary>The same codec for a value that may be <c>null</c>, such as a tombstone.</summary>
    /// <example><code>builder.Stream("users", Codecs.Utf8, Codecs.Nullable(Codecs.Utf8))</code></example>
    public static ICodec<T?> Nullable<T>(ICodec<T> codec)
        where T : class => new NullableCodec<T>(codec);

    /// <summary>The same codec for a value of a struct type that may be <c>null</c>.</summary>
    /// <example><code>builder.Stream("limits", Codecs.Utf8, Codecs.NullableValue(Codecs.Int64))</code></example>
    public static ICodec<T?> NullableValue<T>(ICodec<T> codec)
        where T : struct => new NullableValueCodec<T>(codec);

    /// <summary>JSON for any class, with Newtonsoft.Json. See <see cref="FastJson{T}"/> for one that is several times faster.</summary>
    /// <param name="settings">
    /// Newtonsoft's settings. When absent: strings that look like dates stay strings where the member's type does not ask for
    /// a date (<c>DateParseHandling.None</c>), and <c>$id</c>, <c>$ref</c> and <c>$type</c> are members like any other.
    /// <c>JsonConvert.DefaultSettings</c> is not looked at: a codec's meaning does not depend on global state.
    /// </param>
    /// <example><code>builder.Stream("orders", Codecs.Utf8, Codecs.Json&lt;Order&gt;())</code></example>
    public static ICodec<T> Json<T>(JsonSerializerSettings? settings = null) => new JsonCodec<T>(settings);

    /// <summary>JSON with System.Text.Json and generated code: no reflection, no intermediate text.</summary>
    /// <param name="type">The type's generated description.</param>
    /// <example><code>
    /// [JsonSerializable(typeof(Order))]
    /// partial class OrderJson : JsonSerializerContext;
    ///
    /// builder.Stream("orders", Codecs.Utf8, Codecs.FastJson(OrderJson.Default.Order))
    /// </code></example>
    public static ICodec<T> FastJson<T>(JsonTypeInfo<T> type) => new FastJsonCodec<T>(type);
}
