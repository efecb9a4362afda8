using BenchmarkDotNet.Attributes;
using Clickstream;
using Streams.Hosting.Postgres;
using Streams.Processors;

namespace Streams.Bench.Micro;

/// <summary>Rows into COPY's binary format, and records into the buffer they are sent from.</summary>
public class WriterBenchmarks : IDisposable
{
    private const int Rows = Clicks.Count;

    private readonly byte[][] _clicks = Clicks.Values();
    private readonly byte[] _key = "198.18.0.1"u8.ToArray();
    private readonly CopyBuffer _copy = new();
    private readonly OutputBuffer _output = new("out");
    private RowBuffer? _rows;
    private CopyColumn[] _columns = [];

    [GlobalSetup]
    public void Setup()
    {
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Int64, new ClickCodec(), click => click.Time).ToTable("clicks", table => table.WithRawValue("click"));
        _rows = new EngineRun(builder.Build(), _clicks).Changes().Rows[0];
        _columns = [.. _rows.Columns.Select(CopyColumn.For)];
    }

    [Benchmark(OperationsPerInvoke = Rows)]
    public int EncodeRowForCopy()
    {
        _copy.Clear();
        var bytes = 0;
        for (var row = 0; row < _rows!.Count; row++)
        {
            _copy.WriteInt16((short)_columns.Length);
            foreach (var column in _columns)
            {
                column.Write(row, _copy);
            }

            if (_copy.IsFull)
            {
                bytes += _copy.Written.Length;
                _copy.Clear();
            }
        }

        return bytes + _copy.Written.Length;
    }

    [Benchmark(OperationsPerInvoke = Rows)]
    public int AddRecordToOutput()
    {
        _output.Clear();
        foreach (var click in _clicks)
        {
            _output.Add(_key, hasKey: true, click, hasValue: true, timestampMs: 0, packedHeaders: default);
        }

        return _output.Count;
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _copy.Dispose();
        _output.Dispose();
        GC.SuppressFinalize(this);
    }
}
