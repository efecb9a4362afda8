using Clickstream;
using Microsoft.Extensions.Configuration;
using StatefulNode;
using Streams;
using Streams.Hosting;
using Streams.Processors;

// A node that makes sessions of the clicks of each path, and keeps a state of each user and, if told to, of each path, for tests that
// kill it. Its configuration is the app's.
var configuration = new ConfigurationBuilder().AddEnvironmentVariables().Build();
var builder = new StreamBuilder();
var clicks = builder.Stream(configuration["Clickstream:Clicks"]!, Codecs.Utf8, new ClickCodec(), click => click.Time);
clicks
    .GroupBy(click => click.Path, "path")
    .WindowedBy(Sessions.WithGap(TimeSpan.FromMilliseconds(300)).WithGrace(TimeSpan.FromHours(1)))
    .Count("n")
    .ToTable("sessions")
    .ToTopic(configuration["Clickstream:CountsTopic"]!);
clicks
    .Filter((user, _) => user is not null)
    .Fold("users", () => new User(0, ""), (user, click) => user.After(click.Path))
    .To(configuration["Clickstream:ErrorsTopic"]!);
if (configuration["StatefulNode:PathsTopic"] is { } pathsTopic)
{
    clicks
        .SelectKey(click => click.Path)
        .Repartition(pathsTopic, Codecs.Utf8)
        .Fold("paths", () => new User(0, ""), (path, click) => path.After($"{click.Status}"));
}

await StreamsApplication.Create(builder.Build()).RunAsync();
return Environment.ExitCode;
