using System.Buffers;

namespace Streams.Processors;

/// <summary>A byte that says which of two streams a value is of, and then that value as its own codec writes it.</summary>
internal sealed class SideCodec<TValue, TOther>(ICodec<TValue> valueCodec, ICodec<TOther> otherCodec) : ICodec<Side<TValue, TOther>>
{
    private const byte Value = 1;
    private const byte Other = 2;
    private const byte NullValue = 3;
    private const byte NullOther = 4;

    public string Name => $"{valueCodec.Name} or {otherCodec.Name}";

    public Side<TValue, TOther> Decode(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [Value, .. var value] => Side<TValue, TOther>.Of(valueCodec.Decode(value)),
        [Other, .. var other] => Side<TValue, TOther>.OfOther(otherCodec.Decode(other)),
        [NullValue] => Side<TValue, TOther>.Of(default!),
        [NullOther] => Side<TValue, TOther>.OfOther(default!),
        _ => throw new CodecException("The value does not say which of the two streams it is of."),
    };

    public void Encode(Side<TValue, TOther> value, IBufferWriter<byte> output)
    {
        switch (value)
        {
            case { IsOther: false, Value: null }:
                output.Write([NullValue]);
                break;
            case { IsOther: true, Other: null }:
                output.Write([NullOther]);
                break;
            case { IsOther: false }:
                output.Write([Value]);
                valueCodec.Encode(value.Value, output);
                break;
            default:
                output.Write([Other]);
                otherCodec.Encode(value.Other, output);
                break;
        }
    }
}
