using System.Net;
using System.Net.Sockets;

namespace TestKit;

/// <summary>What a proxy does with the next request of a client, such as a COMMIT.</summary>
public enum NextRequest
{
    /// <summary>Passes it on, and the answer back.</summary>
    Pass,

    /// <summary>Passes it on, and cuts the connection once the server has answered.</summary>
    LoseAnswer,

    /// <summary>Passes it on and cuts the connection at once: the server works on it while the client is told that it is gone.</summary>
    LeaveAlone,

    /// <summary>Passes half of it on, and cuts the connection.</summary>
    LoseHalf,

    /// <summary>Cuts the connection; the server never sees it.</summary>
    Lose,

    /// <summary>Keeps it until <see cref="CommitProxy.Release"/>, whatever becomes of the client: a network with a long memory.</summary>
    Hold,
}

/// <summary>A way to a Postgres server that can fail at the worst moment.</summary>
public sealed class CommitProxy : IAsyncDisposable
{
    /// <summary>A simple query, as Npgsql sends it by itself and waits for its answer: type, length, text.</summary>
    private static readonly byte[] Commit = [(byte)'Q', 0, 0, 0, 11, .. "COMMIT\0"u8];

    /// <summary>How a request to cancel begins, on a connection of its own: its length and its code.</summary>
    private static readonly byte[] Cancellation = [0, 0, 0, 16, 0x04, 0xD2, 0x16, 0x2E];

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stopping = new();
    private readonly TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly int serverPort;
    private readonly Task accepting;

    /// <summary>Opens the way.</summary>
    public CommitProxy(int serverPort)
    {
        this.serverPort = serverPort;
        listener.Start();
        accepting = AcceptAsync();
    }

    /// <summary>Where clients connect to.</summary>
    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>What happens to every request from now on.</summary>
    public NextRequest Next { get; set; }

    /// <summary>What happens to each COMMIT, when <see cref="Next"/> is to pass; null for nothing special. Called by several threads.</summary>
    public Func<NextRequest>? AtCommit { get; set; }

    /// <summary>Lets what is held reach the server.</summary>
    public void Release() => released.TrySetResult();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Release();
        await stopping.CancelAsync();
        listener.Stop();
        await accepting;
        listener.Dispose();
        stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                TcpClient client = await listener.AcceptTcpClientAsync(stopping.Token);
                connections.RemoveAll(c => c.IsCompleted);
                connections.Add(new Relay(this, client).RunAsync());
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(connections);
        }
    }

    /// <summary>One client's connection.</summary>
    private sealed class Relay(CommitProxy proxy, TcpClient client)
    {
        private readonly CancellationToken stopping = proxy.stopping.Token;
        private volatile bool losesAnswer;

        public async Task RunAsync()
        {
            using (client)
            using (var server = new TcpClient { NoDelay = true })
            {
                client.NoDelay = true;
                try
                {
                    await server.ConnectAsync(IPAddress.Loopback, proxy.serverPort, stopping);
                    Task requests = RequestsAsync(client.GetStream(), server.GetStream());
                    Task answers = AnswersAsync(server.GetStream(), client.GetStream());
                    await await Task.WhenAny(requests, answers);
                }
                catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException or SocketException)
                {
                    // One end is gone; the other goes with it.
                }
            }
        }

        private async Task RequestsAsync(NetworkStream from, NetworkStream server)
        {
            byte[] buffer = new byte[64 * 1024];
            while (await from.ReadAsync(buffer, stopping) is var count and > 0)
            {
                ReadOnlyMemory<byte> request = buffer.AsMemory(0, count);
                switch (Decide(request.Span))
                {
                    case NextRequest.Lose:
                        return;
                    case NextRequest.LoseHalf:
                        await server.WriteAsync(request[..(count / 2)], stopping);
                        return;
                    case NextRequest.LeaveAlone:
                        // The answer may be here before the connection is cut.
                        losesAnswer = true;
                        await server.WriteAsync(request, stopping);
                        return;
                    case NextRequest.LoseAnswer:
                        losesAnswer = true;
                        await server.WriteAsync(request, stopping);
                        break;
                    case NextRequest.Hold when request.Span.StartsWith(Cancellation):
                        // Held as well, it would race what it is to cancel once both are let go.
                        return;
                    case NextRequest.Hold:
                        await proxy.released.Task;
                        await server.WriteAsync(request, stopping);
                        // The client may be long gone, but the server's answer says that it is done.
                        await Task.Delay(Timeout.InfiniteTimeSpan, stopping);
                        return;
                    default:
                        await server.WriteAsync(request, stopping);
                        break;
                }
            }
        }

        private NextRequest Decide(ReadOnlySpan<byte> request) =>
            proxy.Next == NextRequest.Pass && proxy.AtCommit is { } decide && request.SequenceEqual(Commit) ? decide() : proxy.Next;

        private async Task AnswersAsync(NetworkStream server, NetworkStream to)
        {
            byte[] buffer = new byte[64 * 1024];
            while (await server.ReadAsync(buffer, stopping) is var count and > 0)
            {
                if (losesAnswer)
                {
                    return;
                }

                if (proxy.Next != NextRequest.Hold)
                {
                    await to.WriteAsync(buffer.AsMemory(0, count), stopping);
                }
            }
        }
    }
}
