using System.Buffers.Binary;
using Cloud.Vmm.RiscV.Memory;
using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Devices.Virtio.Balloon;

/// <summary>
/// The memory balloon (virtio 1.2 §5.5): pages that the guest gives are returned to the host, as are free pages that it reports.
/// </summary>
internal sealed class VirtioBalloon(GuestRam ram) : VirtioDevice
{
    private const int InflateQueue = 0;
    private const int DeflateQueue = 1;
    private const int PageSize = 4096;
    private const ulong FeatureDeflateOnOutOfMemory = 1UL << 2;
    private const ulong FeaturePageReporting = 1UL << 5;

    // Bounds one buffer of page numbers; Linux sends 256.
    private const int PagesPerBufferMax = 4096;

    private uint _target;
    private uint _actual;

    internal override uint DeviceId => 5;

    internal override ulong Features => FeatureDeflateOnOutOfMemory | FeaturePageReporting;

    // Inflate, deflate, and (statistics and hinting were not offered, so they have no queue) the reporting of free pages.
    internal override int QueueCount => 3;

    /// <summary>How much of its memory the guest has given, in bytes.</summary>
    internal ulong ActualBytes => (ulong)Volatile.Read(ref _actual) * PageSize;

    /// <summary>Asks the guest to give so much of its memory.</summary>
    internal void SetTarget(ulong bytes)
    {
        Volatile.Write(ref _target, (uint)Math.Min(bytes / PageSize, uint.MaxValue));
        ConfigurationChanged();
    }

    internal override void Process(int queue)
    {
        while (Queues[queue].Pop() is { } chain)
        {
            switch (queue)
            {
                case InflateQueue:
                    Inflate(chain);
                    break;
                case DeflateQueue:
                    // Pages come back by being touched.
                    break;
                default:
                    chain.DiscardWritable();
                    break;
            }

            Complete(queue, chain);
        }
    }

    internal override void Reset() => Volatile.Write(ref _actual, 0);

    internal override void Save(StateWriter state) => state.Words([_target, _actual]);

    internal override void Load(StateReader state) => (_target, _actual) = (state.U32(), state.U32());

    internal override byte ReadConfiguration(int offset)
    {
        uint word = offset < 4 ? Volatile.Read(ref _target) : offset < 8 ? Volatile.Read(ref _actual) : 0;
        return (byte)(word >> (8 * (offset & 3)));
    }

    internal override void WriteConfiguration(int offset, byte value)
    {
        if (offset is >= 4 and < 8)
        {
            int shift = 8 * (offset & 3);
            Volatile.Write(ref _actual, _actual & ~(0xFFU << shift) | (uint)value << shift);
        }
    }

    private void Inflate(DescriptorChain chain)
    {
        int count = (int)Math.Min(chain.ReadableBytes / sizeof(uint), PagesPerBufferMax);
        byte[] bytes = new byte[count * sizeof(uint)];
        chain.Read(0, bytes);
        for (int i = 0; i < count; i++)
        {
            ulong page = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(i * sizeof(uint)));
            ram.Discard(page * PageSize, PageSize);
        }
    }
}
