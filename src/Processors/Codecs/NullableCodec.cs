using System.Buffers;

namespace Streams.Processors;

/// <summary><see cref="Codecs.Nullable{T}"/>.</summary>
internal sealed class NullableCodec<T>(ICodec<T> codec) : ICodec<T?>
    where T : class
{
    public string Name => codec.Name + "?";

    public bool AcceptsNull => true;

    public T? Decode(ReadOnlySpan<byte> bytes) => codec.Decode(bytes);

    public void Encode(T? value, IBufferWriter<byte> output) => codec.Encode(value!, output);
}

/// <summary><see cref="Codecs.NullableValue{T}"/>.</summary>
internal sealed class NullableValueCodec<T>(ICodec<T> codec) : ICodec<T?>
    where T : struct
{
    public string Name => codec.Name + "?";

    public bool AcceptsNull => true;

    public T? Decode(ReadOnlySpan<byte> bytes) => codec.Decode(bytes);

    public void Encode(T? value, IBufferWriter<byte> output) => codec.Encode(value!.Value, output);
}
