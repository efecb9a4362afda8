using Microsoft.Extensions.Logging;
using Streams.Hosting.Telemetry;

namespace Streams.Hosting.Runtime;

/// <summary>
/// Pauses consumption while commits keep failing: what is read then could only wait in memory. A cycle that is tried again
/// is the probe, and the first one that succeeds lets reading go on.
/// </summary>
/// <remarks>
/// <code>
///            three failures in a row
///   closed -------------------------> open (nothing is read)
///     ^                                |
///     +--------------------------------+
///               a commit succeeds
/// </code>
/// </remarks>
internal sealed class Circuit(ILogger<Circuit> logger)
{
    private const int FailuresToOpen = 3;
    private int _failures;
    private volatile bool _isOpen;

    /// <summary>Reading is to pause. Any thread may ask.</summary>
    public bool IsOpen => _isOpen;

    /// <summary>A commit failed for a passing reason. The committer's.</summary>
    public void Failed()
    {
        if (++_failures == FailuresToOpen)
        {
            _isOpen = true;
            logger.ReadingPauses(FailuresToOpen);
        }
    }

    /// <summary>A commit succeeded, or what failed was given up. The committer's.</summary>
    public void Succeeded()
    {
        _failures = 0;
        if (_isOpen)
        {
            _isOpen = false;
            logger.ReadingGoesOn();
        }
    }
}
