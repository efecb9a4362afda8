using System.Runtime.InteropServices;
using Streams.Hosting.Kafka.Native;

namespace Streams.Hosting.Kafka;

/// <summary>
/// The group membership of a consumer at one moment. Offsets sent to a transaction with it are refused once the group has
/// moved on, so that a stale owner cannot commit.
/// </summary>
internal sealed class GroupMetadata : SafeHandle
{
    public GroupMetadata(nint handle)
        : base(0, ownsHandle: true) => SetHandle(handle);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        NativeMethods.rd_kafka_consumer_group_metadata_destroy(handle);
        return true;
    }
}
