using BenchmarkDotNet.Attributes;
using Clickstream;
using Streams.Bench.Throughput;
using Streams.Processors;

namespace Streams.Bench.Micro;

/// <summary>Reading and writing clicks: the app's codec and the one for ordinary classes.</summary>
public class CodecBenchmarks : IDisposable
{
    private readonly byte[][] _clicks = Clicks.Values();
    private readonly ClickCodec _click = new();
    private readonly ICodec<PlainClick> _fastJson = Codecs.FastJson(PlainClickJson.Default.PlainClick);
    private readonly ByteBuffer _output = new();
    private Click[] _read = [];
    private PlainClick[] _plain = [];

    [GlobalSetup]
    public void Setup()
    {
        _read = [.. _clicks.Select(click => _click.Decode(click))];
        _plain = [.. _clicks.Select(click => _fastJson.Decode(click))];
    }

    [Benchmark(OperationsPerInvoke = Clicks.Count)]
    public int ClickCodecDecode()
    {
        var sum = 0;
        foreach (var click in _clicks)
        {
            sum += _click.Decode(click).Status;
        }

        return sum;
    }

    [Benchmark(OperationsPerInvoke = Clicks.Count)]
    public int FastJsonDecode()
    {
        var sum = 0;
        foreach (var click in _clicks)
        {
            sum += _fastJson.Decode(click).Status;
        }

        return sum;
    }

    [Benchmark(OperationsPerInvoke = Clicks.Count)]
    public int ClickCodecEncode()
    {
        _output.Truncate(0);
        foreach (var click in _read)
        {
            _click.Encode(click, _output);
        }

        return _output.Length;
    }

    [Benchmark(OperationsPerInvoke = Clicks.Count)]
    public int FastJsonEncode()
    {
        _output.Truncate(0);
        foreach (var click in _plain)
        {
            _fastJson.Encode(click, _output);
        }

        return _output.Length;
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _output.Dispose();
        GC.SuppressFinalize(this);
    }
}
