using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Streams.Hosting.Kafka.Native;

namespace Streams.Hosting.Kafka;

/// <summary>
/// The group membership of a consumer at one moment. Offsets sent to a transaction with it are refused once the group has
/// moved on, so that a stale owner cannot commit.
/// </summary>
internal sealed unsafe class GroupMetadata : SafeHandle, IGroupMembership
{
    public GroupMetadata(nint handle)
        : base(0, ownsHandle: true) => SetHandle(handle);

    public override bool IsInvalid => handle == 0;

    public bool IsOfMember => Generation >= 0;

    /// <summary>The group's generation; -1 for no member.</summary>
    private int Generation
    {
        get
        {
            // There is no way to ask for it in all the versions, but for what the library writes to be sent to another process:
            // seven characters that name the format, then the generation.
            void* written;
            nuint size;
            var error = NativeMethods.rd_kafka_consumer_group_metadata_write(this, &written, &size);
            if (error != 0)
            {
                throw new KafkaFailureException("Looking at the group's membership", KafkaFailure.Take(error));
            }

            try
            {
                var bytes = new ReadOnlySpan<byte>(written, (int)size);
                return bytes.StartsWith("CGMDv2:"u8)
                    ? BinaryPrimitives.ReadInt32LittleEndian(bytes[7..])
                    : throw new NotSupportedException("This version of librdkafka writes group memberships in an unknown format.");
            }
            finally
            {
                NativeMethods.rd_kafka_mem_free(0, written);
            }
        }
    }

    protected override bool ReleaseHandle()
    {
        NativeMethods.rd_kafka_consumer_group_metadata_destroy(handle);
        return true;
    }
}
