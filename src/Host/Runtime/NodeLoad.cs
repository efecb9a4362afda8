namespace Streams.Hosting.Runtime;

/// <summary>
/// What the node's tasks hold for the next commit, in bytes: past <see cref="CommitBytes"/> a commit comes early, past
/// twice that tasks wait for it. So memory stays bounded while PostgreSQL is slow or away.
/// </summary>
internal sealed class NodeLoad(long commitBytes)
{
    private long _pendingBytes;

    public long CommitBytes { get; } = commitBytes;

    public bool WantsCommit => Interlocked.Read(ref _pendingBytes) >= CommitBytes;

    public bool IsFull => Interlocked.Read(ref _pendingBytes) >= 2 * CommitBytes;

    public void Add(long bytes) => Interlocked.Add(ref _pendingBytes, bytes);
}
