using System.Net;
using System.Net.Sockets;

namespace Streams.Hosting.Tests.Postgres;

/// <summary>What a proxy does with the next request of a client, such as a COMMIT.</summary>
internal enum NextRequest
{
    /// <summary>Passes it on, and the answer back.</summary>
    Pass,
    /// <summary>Passes it on, and cuts the connection once the server has answered.</summary>
    LoseAnswer,
    /// <summary>Cuts the connection; the server never sees it.</summary>
    Lose,
    /// <summary>Keeps it until <see cref="CommitProxy.Release"/>, whatever becomes of the client: a network with a long memory.</summary>
    Hold,
}

/// <summary>A way to the server that can fail at the worst moment.</summary>
internal sealed class CommitProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly int _serverPort;
    private readonly Task _accepting;

    public CommitProxy(int serverPort)
    {
        _serverPort = serverPort;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public NextRequest Next { get; set; }

    /// <summary>Lets what is held reach the server.</summary>
    public void Release() => _released.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        Release();
        await _stopping.CancelAsync();
        _listener.Stop();
        await _accepting;
        _listener.Dispose();
        _stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                connections.Add(RelayAsync(await _listener.AcceptTcpClientAsync(_stopping.Token)));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task RelayAsync(TcpClient client)
    {
        using (client)
        using (var server = new TcpClient())
        {
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, _serverPort, _stopping.Token);
                var requests = RequestsAsync(client.GetStream(), server.GetStream());
                var answers = AnswersAsync(server.GetStream(), client.GetStream());
                await await Task.WhenAny(requests, answers);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException or SocketException)
            {
                // One end is gone; the other goes with it.
            }
        }
    }

    private async Task RequestsAsync(NetworkStream client, NetworkStream server)
    {
        var buffer = new byte[64 * 1024];
        while (await client.ReadAsync(buffer, _stopping.Token) is var count and > 0)
        {
            switch (Next)
            {
                case NextRequest.Lose:
                    return;
                case NextRequest.Hold:
                    await _released.Task;
                    await server.WriteAsync(buffer.AsMemory(0, count), _stopping.Token);
                    // The client may be long gone, but the server's answer says that it is done.
                    await Task.Delay(Timeout.InfiniteTimeSpan, _stopping.Token);
                    return;
                default:
                    await server.WriteAsync(buffer.AsMemory(0, count), _stopping.Token);
                    break;
            }
        }
    }

    private async Task AnswersAsync(NetworkStream server, NetworkStream client)
    {
        var buffer = new byte[64 * 1024];
        while (await server.ReadAsync(buffer, _stopping.Token) is var count and > 0)
        {
            if (Next == NextRequest.LoseAnswer)
            {
                return;
            }

            if (Next != NextRequest.Hold)
            {
                await client.WriteAsync(buffer.AsMemory(0, count), _stopping.Token);
            }
        }
    }
}
