using Streams.Hosting.Diagnostics;
using Xunit;

namespace Clickstream.Tests;

public sealed class CheckCommandTests
{
    [Fact]
    public void a_result_is_a_line_and_further_lines_stand_below_its_message()
    {
        Assert.Equal(
            "ok        topic errors         output, 4 partitions",
            CheckCommand.Line(new("topic errors", CheckOutcome.Ok, "output, 4 partitions")));
        Assert.Equal(
            "wrong     tables               one\n                               two",
            CheckCommand.Line(new("tables", CheckOutcome.Wrong, "one\ntwo")));
        Assert.Equal(
            "not tried rights               PostgreSQL is not reached",
            CheckCommand.Line(new("rights", CheckOutcome.NotTried, "PostgreSQL is not reached")));
    }
}
