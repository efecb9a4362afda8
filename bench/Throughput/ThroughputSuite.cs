using System.Globalization;
using Streams.Bench.Children;
using Streams.Bench.Input;
using Streams.Bench.Report;

namespace Streams.Bench.Throughput;

/// <summary>The benchmarks that read the whole input, one after the other over the same topic.</summary>
internal sealed class ThroughputSuite(Servers servers, BenchOptions options, RunView view, string run)
{
    private readonly string _topic = $"bench-clicks-{run}";
    private readonly List<Job> _made = [];
    private readonly Traffic _traffic = Traffic.Until(
        DateTime.UtcNow, options.Seed, servers.Kafka.IsReal ? options.Clicks : Math.Min(options.Clicks, Servers.MaxEmbeddedClicks));

    private InputFacts _facts = new();

    public async Task<List<Result>> RunAsync(IReadOnlyList<Benchmark> benchmarks, CancellationToken cancellation)
    {
        var results = new List<Result>();
        await LoadAsync(cancellation);
        foreach (var benchmark in benchmarks)
        {
            results.Add(await RunAsync(benchmark, results, cancellation));
        }

        foreach (var job in _made)
        {
            await servers.DropAsync(job.Application, [job.Names.ErrorsTopic, job.Names.CountsTopic], cancellation);
        }

        await servers.DropAsync($"bench-{run}", [_topic], cancellation);
        return results;
    }

    private async Task LoadAsync(CancellationToken cancellation)
    {
        if (_traffic.Clicks < options.Clicks)
        {
            view.Say($"The embedded Kafka holds no more than {_traffic.Clicks} clicks; {options.Clicks} were asked for.");
        }

        await servers.Kafka.CreateTopicAsync(_topic, Servers.TopicPartitions);
        var loaded = await view.RunAsync("load", progress => Child.RunAsync(Job("load", JobKind.Load), progress, cancellation));
        _facts = loaded.Facts!;
        view.Say(string.Create(CultureInfo.InvariantCulture,
            $"input: {_facts.Clicks:N0} clicks in {Servers.TopicPartitions} partitions, {(double)_facts.Bytes / _facts.Clicks:N0} bytes each, {(double)_facts.Errors / _facts.Clicks:P1} errors, {_facts.Counts:N0} counts, {_facts.Sessions:N0} sessions, {_facts.Clients:N0} clients with errors"));
    }

    private async Task<Result> RunAsync(Benchmark benchmark, List<Result> earlier, CancellationToken cancellation)
    {
        var job = benchmark.Name switch
        {
            Catalogue.Limit => Job(benchmark.Name, JobKind.Limit),
            Catalogue.FilterToTopic => Node(benchmark.Name, Shape.FilterToTopic),
            Catalogue.FilterToTable => Node(benchmark.Name, Shape.FilterToTable),
            Catalogue.CopyLimit => _made.Single(made => made.Name == Catalogue.FilterToTable) with { Kind = JobKind.Copy, Name = benchmark.Name },
            Catalogue.MainExactlyOnce => Node(benchmark.Name, Shape.Main),
            Catalogue.MainAtLeastOnce => Node(benchmark.Name, Shape.Main, ("Streams:Guarantee", "AtLeastOnce")),
            Catalogue.Sessions => Node(benchmark.Name, Shape.Sessions),
            Catalogue.Repartition => Node(benchmark.Name, Shape.Repartition) with { Repartitioned = _facts.Errors },
            Catalogue.Fold => Node(benchmark.Name, Shape.Fold),
            Catalogue.MainPlainClasses => Node(benchmark.Name, Shape.MainWithPlainClasses),
            _ => throw new BenchException($"{benchmark.Name} does not read the whole input."),
        };
        if (job.Kind == JobKind.Node)
        {
            await servers.CreateOutputsAsync(job.Names, Servers.TopicPartitions);
        }

        var child = await view.RunAsync(benchmark.Name, async progress =>
        {
            var child = await Child.RunAsync(job, progress, cancellation);
            await CheckAsync(job, child, cancellation);
            return child;
        });
        return ToResult(job, child, earlier);
    }

    private async Task CheckAsync(Job job, ChildResult child, CancellationToken cancellation)
    {
        var check = new OutputCheck(job, _facts);
        switch (job.Kind)
        {
            case JobKind.Limit:
                check.Equal("bytes read", _facts.Bytes, child.Facts!.Bytes);
                break;
            case JobKind.Copy:
                check.Equal("rows copied", _facts.Errors, child.All.Records);
                break;
            default:
                await check.CheckOutputsAsync(cancellation);
                check.Equal("records read", _facts.Clicks, child.All.Records);
                check.Equal("late records and dead letters", 0, child.Refused);
                break;
        }

        check.ThrowIfWrong();
    }

    private Result ToResult(Job job, ChildResult child, List<Result> earlier)
    {
        var further = new List<KeyValuePair<string, double>>
        {
            new("seconds", child.All.Elapsed.TotalSeconds),
            new("cpu_us_per_event_warm", child.Warm.CpuMicrosecondsPerRecord),
            new("events_per_s_warm", child.Warm.PerSecond),
            new("compiling_s", child.All.Compiling.TotalSeconds),
        };
        var note = child.Warm.Records > 0
            ? string.Create(CultureInfo.InvariantCulture, $"warm {child.Warm.CpuMicrosecondsPerRecord:N2} µs; {child.All.Compiling.TotalSeconds:N1} s compiling")
            : "";
        double? rows = job.Kind == JobKind.Copy ? child.All.PerSecond
            : job.Shape == Shape.FilterToTable && job.Kind == JobKind.Node ? _facts.Errors / child.All.Elapsed.TotalSeconds
            : null;
        if (rows is { } perSecond)
        {
            further.Add(new("rows_per_s", perSecond));
            note = string.Create(CultureInfo.InvariantCulture, $"{note}{(note.Length > 0 ? "; " : "")}{perSecond:N0} rows/s");
        }

        if (job.Kind == JobKind.Copy)
        {
            var filter = earlier.Single(result => result.Name == Catalogue.FilterToTable).Further.Single(f => f.Key == "rows_per_s").Value;
            further.Add(new("filter_to_table_ratio", filter / rows!.Value));
            note = string.Create(CultureInfo.InvariantCulture, $"rows; filter-to-table reaches {filter / rows.Value:P0} of it");
        }

        return new Result
        {
            Name = job.Name,
            EventsPerSecond = child.All.PerSecond,
            CpuMicrosecondsPerEvent = child.All.CpuMicrosecondsPerRecord,
            BytesPerEvent = child.All.BytesPerRecord,
            PeakRssMegabytes = child.PeakMegabytes,
            RatioToLimit = job.Kind switch
            {
                JobKind.Limit => 1,
                JobKind.Copy => null,
                _ => child.All.PerSecond / earlier.Single(result => result.Name == Catalogue.Limit).EventsPerSecond,
            },
            Further = further,
            Note = note,
        };
    }

    private Job Node(string name, Shape shape, params (string Key, string Value)[] settings)
    {
        var job = Job(name, JobKind.Node) with { Shape = shape };
        foreach (var (key, value) in settings)
        {
            job.Settings[key] = value;
        }

        _made.Add(job);
        return job;
    }

    private Job Job(string name, JobKind kind) => new()
    {
        Kind = kind,
        Name = name,
        Kafka = servers.Kafka.BootstrapServers,
        Postgres = servers.Postgres.ConnectionString,
        Topic = _topic,
        Traffic = _traffic,
        Application = $"bench-{run}-{name}",
        Settings = new(options.Settings),
        Names = new() { Clicks = _topic, ErrorsTopic = $"bench-{run}-{name}-errors", CountsTopic = $"bench-{run}-{name}-counts" },
    };
}
