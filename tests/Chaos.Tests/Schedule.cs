using Chaos.Tests.Disturbances;

namespace Chaos.Tests;

/// <summary>A disturbance and when it begins.</summary>
internal sealed record Step(TimeSpan At, IDisturbance Disturbance)
{
    public TimeSpan Until => At + Disturbance.Lasts;
}

/// <summary>
/// What goes wrong when, made from a seed: the same seed and duration make the same schedule. It begins with one kill and
/// nothing else, so that at least one takeover is measured by itself. From then on disturbances overlap as they will, but for
/// two of the same victim; and one node is always left alone. A draw that leaves no room for one of them is drawn again: what
/// a run of this length is to have, it has.
/// </summary>
internal sealed class Schedule
{
    private static readonly TimeSpan _membershipInterval = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan _firstKill = TimeSpan.FromSeconds(3);

    /// <summary>Until then there is only the first kill.</summary>
    private static readonly TimeSpan _quiet = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan _grid = TimeSpan.FromSeconds(0.5);

    /// <summary>Runs that are shorter are for continuous integration.</summary>
    private static readonly TimeSpan _long = TimeSpan.FromMinutes(4);

    /// <summary>How often to draw. A run of four minutes is the fullest: one draw in eighteen has room for everything.</summary>
    private const int Draws = 1_000;

    private readonly ChaosOptions _options;
    private readonly int _brokers;
    private readonly Random _random;
    private readonly List<Step> _steps = [];

    private Schedule(ChaosOptions options, int brokers)
    {
        _options = options;
        _brokers = brokers;
        _random = new Random(options.Seed);
    }

    /// <param name="options">How long, and the seed.</param>
    /// <param name="brokers">How many brokers can be killed and paused.</param>
    public static IReadOnlyList<Step> Make(ChaosOptions options, int brokers)
    {
        var schedule = new Schedule(options, brokers);
        for (var draw = 0; draw < Draws; draw++)
        {
            if (schedule.TryFill())
            {
                return [.. schedule._steps.OrderBy(s => s.At)];
            }
        }

        throw new ArgumentException($"{options.Duration} are too short for what is to go wrong in them.", nameof(options));
    }

    private bool TryFill()
    {
        _steps.Clear();
        var joins = true;
        for (var at = _membershipInterval / 2; at < _options.Duration; at += _membershipInterval, joins = !joins)
        {
            _steps.Add(new Step(at, new ChangeMembers(joins)));
        }

        _steps.Add(new Step(_firstKill, new KillNode(Node(), Seconds(13, 16))));
        var isLong = _options.Duration >= _long;
        var minutes = (int)_options.Duration.TotalMinutes;
        return Add(isLong ? Math.Max(20, 2 * minutes) : 3, i => new KillNode(Node(), i % 3 == 0 ? Seconds(0, 2) : Seconds(10, 16)))
            && Add(isLong ? Math.Max(4, minutes / 2) : 1, i => new FreezeNode(Node(), ChaosOptions.SessionTimeout + Seconds(2, 8), InCommit: i % 2 == 0))
            && Add(isLong ? Math.Max(4, minutes / 2) : 1, _ => new RestartPostgres(Seconds(0, 5)))
            && Add(isLong ? Math.Max(3, minutes / 3) : 0, _ => new RestartNode(Node()))
            && (_brokers == 0
                || (Add(isLong ? Math.Max(4, minutes / 2) : 1, _ => new KillBroker(Broker(), Seconds(0, 5)))
                    && Add(isLong ? Math.Max(4, minutes / 2) : 1, _ => new PauseBroker(Broker(), Seconds(2, 12)))));
    }

    /// <summary>Finds a place for each of so many disturbances; false if one has none.</summary>
    private bool Add(int count, Func<int, IDisturbance> make)
    {
        for (var i = 0; i < count; i++)
        {
            var disturbance = make(i);
            var at = _quiet + ((Latest - _quiet) * ((i + _random.NextDouble()) / count));
            Step? step = null;
            for (var tries = Latest / _grid; step is null && tries > 0; tries--)
            {
                var candidate = new Step(at, disturbance);
                step = IsFree(candidate) ? candidate : null;
                at = at + _grid < Latest ? at + _grid : _quiet;
            }

            if (step is null)
            {
                return false;
            }

            _steps.Add(step);
        }

        return true;
    }

    /// <summary>The last ones are over before the run is.</summary>
    private TimeSpan Latest => _options.Duration - TimeSpan.FromSeconds(15);

    private bool IsFree(Step step)
    {
        var others = _steps.Where(s => s.At <= step.Until && step.At <= s.Until).ToList();
        return !others.Exists(s => s.Disturbance.Victim == step.Disturbance.Victim)
            && (!IsOfNode(step) || others.Count(IsOfNode) < ChaosOptions.Nodes - 1);
    }

    private static bool IsOfNode(Step step) => step.Disturbance is KillNode or FreezeNode or RestartNode;

    private int Node() => _random.Next(ChaosOptions.Nodes);

    private int Broker() => _random.Next(_brokers) + 1;

    private TimeSpan Seconds(double from, double to) => TimeSpan.FromSeconds(Math.Round(from + (_random.NextDouble() * (to - from)), 1));
}
