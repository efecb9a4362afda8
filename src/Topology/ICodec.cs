using System.Buffers;

namespace Streams;

/// <summary>Turns bytes into values and back. Must be stateless or thread-safe: one instance serves every task.</summary>
public interface ICodec<T>
{
    /// <summary>A short name for messages and descriptions, such as <c>utf8</c>.</summary>
    string Name { get; }

    /// <summary>Whether <c>null</c> (a Kafka null, a tombstone) is a legal value. Default: no, a null is a dead letter.</summary>
    bool AcceptsNull => false;

    /// <summary>Decodes one value. The span is valid during the call only.</summary>
    /// <exception cref="CodecException">The bytes are not such a value. Any exception makes the record a dead letter; its message is the reason.</exception>
    T Decode(ReadOnlySpan<byte> bytes);

    /// <summary>Appends the encoded value to <paramref name="output"/>. Not called for <c>null</c>, which is written as a Kafka null.</summary>
    void Encode(T value, IBufferWriter<byte> output);
}

/// <summary>The bytes or the value cannot be converted. The message says which member, and what is wrong with it.</summary>
public sealed class CodecException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What is wrong, in words that serve as the reason of a dead letter.</param>
    /// <param name="inner">The error below, if any.</param>
    public CodecException(string message, Exception? inner = null) : base(message, inner) { }
}
