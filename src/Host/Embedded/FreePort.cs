using System.Net;
using System.Net.Sockets;

namespace Streams.Hosting.Embedded;

/// <summary>Finds ports on 127.0.0.1 that nothing listens on.</summary>
internal static class FreePort
{
    // Below the range that systems give to outgoing connections: a server that restarts finds its port still free.
    private const int First = 15000;
    private const int End = 32000;

    /// <summary>A free port; with a count above one, the first of that many in a row.</summary>
    public static int Next(int count = 1)
    {
        for (int attempt = 0; attempt < 1000; attempt++)
        {
            int port = Random.Shared.Next(First, End - count);
            if (Enumerable.Range(port, count).All(IsFree))
            {
                return port;
            }
        }
        throw new EmbeddedServerException($"No free port was found on 127.0.0.1 between {First} and {End}.");
    }

    /// <summary>Whether a server could listen on the port now.</summary>
    public static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
