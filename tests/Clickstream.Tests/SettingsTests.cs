using Xunit;

namespace Clickstream.Tests;

public sealed class SettingsTests
{
    [Theory]
    [InlineData("--Clickstream:Clicks=clicks")]
    [InlineData("--Clickstream:Clicks", "clicks")]
    public void names_of_topics_are_taken_from_the_end_of_a_command_as_all_else_is(params string[] arguments)
    {
        Assert.Equal("clicks", Settings.Load(arguments).Names().Clicks);
        Assert.Equal("clickstream", Settings.Load().Names().Clicks);
    }
}
