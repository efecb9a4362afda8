using Clickstream;
using Microsoft.Extensions.Configuration;
using Streams;
using Streams.Hosting;
using Streams.Processors;

// A node that makes sessions of the clicks of each path, for tests that kill it. Its configuration is the app's.
var configuration = new ConfigurationBuilder().AddEnvironmentVariables().Build();
var builder = new StreamBuilder();
builder
    .Stream(configuration["Clickstream:Clicks"]!, Codecs.Utf8, new ClickCodec(), click => click.Time)
    .GroupBy(click => click.Path, "path")
    .WindowedBy(Sessions.WithGap(TimeSpan.FromMilliseconds(300)).WithGrace(TimeSpan.FromHours(1)))
    .Count("n")
    .ToTable("sessions")
    .ToTopic(configuration["Clickstream:CountsTopic"]!);
await StreamsApplication.Create(builder.Build()).RunAsync();
return Environment.ExitCode;
