using System.Globalization;
using Microsoft.Extensions.Options;

namespace Streams.Hosting.Runtime;

/// <summary>Who this node is: the name it was given, or one made of host and process id.</summary>
internal sealed class NodeIdentity(IOptions<StreamsOptions> options)
{
    public string Name { get; } = options.Value.NodeName
        ?? string.Create(CultureInfo.InvariantCulture, $"{Environment.MachineName}-{Environment.ProcessId}");
}
