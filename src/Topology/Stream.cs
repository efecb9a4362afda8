namespace Streams;

/// <summary>
/// An unbounded sequence of records, partitioned as its source topic is. Operators are extension methods; each gives a
/// new stream and leaves this one as it is, so a stream may feed any number of operators.
/// </summary>
public sealed class Stream<TKey, TValue>
{
    internal Stream(Node node, ICodec<TKey>? keyCodec, ICodec<TValue>? valueCodec, bool keyAsRead, bool valueAsRead, bool oneToOne = true)
    {
        Node = node;
        KeyCodec = keyCodec;
        ValueCodec = valueCodec;
        KeyAsRead = keyAsRead;
        ValueAsRead = valueAsRead;
        OneToOne = oneToOne;
    }

    internal Node Node { get; }

    /// <summary>The codec that a sink uses when it is given none; <c>null</c> once an operator changed the type.</summary>
    internal ICodec<TKey>? KeyCodec { get; }

    internal ICodec<TValue>? ValueCodec { get; }

    /// <summary>The key is still the one the source read: a sink forwards its bytes.</summary>
    internal bool KeyAsRead { get; }

    /// <summary>The value is still the one the source read: a sink forwards its bytes.</summary>
    internal bool ValueAsRead { get; }

    /// <summary>At most one record here comes from one source record, so its origin identifies it.</summary>
    internal bool OneToOne { get; }

    /// <summary>The stream that <paramref name="node"/> makes of this one when it passes keys and values through.</summary>
    internal Stream<TKey, TValue> Same(Node node) => new(node, KeyCodec, ValueCodec, KeyAsRead, ValueAsRead, OneToOne);
}
