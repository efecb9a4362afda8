using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Streams.Processors;

namespace Streams.Hosting.Tests;

public sealed class StreamsHostingTests
{
    [Theory]
    [InlineData(null, 30)]
    [InlineData("00:00:01", 30)]
    [InlineData("00:01:00", 90)]
    [InlineData("no time", 30)]
    public async Task the_host_waits_as_long_as_the_node_may_take_to_stop(string? setting, int seconds)
    {
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Utf8, Codecs.Utf8).To("out");
        string[] arguments = setting is null ? [] : [$"--Streams:ShutdownTimeout={setting}"];

        await using var application = StreamsApplication.Create(builder.Build(), arguments);

        Assert.Equal(TimeSpan.FromSeconds(seconds), application.Services.GetRequiredService<IOptions<HostOptions>>().Value.ShutdownTimeout);
    }
}
