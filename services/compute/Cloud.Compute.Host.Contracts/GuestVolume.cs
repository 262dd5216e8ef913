namespace Cloud.Compute.Host.Contracts;

/// <summary>A volume as a guest has it: a virtio disk by <see cref="Serial"/>, <c>/dev/disk/by-id/virtio-SERIAL</c> in it.</summary>
/// <param name="Volume">The volume's id on the guest's host.</param>
/// <param name="ReadOnly">The guest cannot write to it.</param>
/// <param name="OperationsPerSecond">The most that it may read and write a second, as operations; null for no limit.</param>
/// <param name="BytesPerSecond">The same as bytes; null for no limit.</param>
public sealed record GuestVolume(string Volume, bool ReadOnly, long? OperationsPerSecond, long? BytesPerSecond)
{
    /// <summary>What virtio-blk has room for.</summary>
    private const int SerialLengthMax = 20;

    /// <summary>The disk's serial number: the beginning of the volume's id.</summary>
    public string Serial => Volume.Length <= SerialLengthMax ? Volume : Volume[..SerialLengthMax];
}
