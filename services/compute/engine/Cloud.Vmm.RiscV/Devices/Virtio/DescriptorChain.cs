using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Devices.Virtio;

/// <summary>
/// One buffer of a queue: the parts the device reads, then those it writes. Every part was checked to lie whole in guest memory, which
/// never moves;
/// the guest may change its bytes at any time, so what is read is copied once.
/// </summary>
internal sealed class DescriptorChain(GuestRam ram, ushort head)
{
    private readonly List<(ulong Address, int Size)> _readable = [];
    private readonly List<(ulong Address, int Size)> _writable = [];

    internal ushort Head { get; } = head;

    internal long ReadableBytes { get; private set; }

    internal long WritableBytes { get; private set; }

    /// <summary>How many bytes have been written: what the used ring tells the driver.</summary>
    internal uint Written { get; private set; }

    /// <summary>Adds a part; false where it does not lie in memory.</summary>
    internal bool Add(ulong address, uint size, bool writable)
    {
        if (size > int.MaxValue || !ram.Contains(address, size))
        {
            return false;
        }

        (writable ? _writable : _readable).Add((address, (int)size));
        if (writable)
        {
            WritableBytes += size;
        }
        else
        {
            ReadableBytes += size;
        }

        return true;
    }

    /// <summary>Copies from the readable parts; returns how many bytes there were.</summary>
    internal int Read(long offset, Span<byte> destination)
    {
        int copied = 0;
        foreach ((ulong address, int size) in _readable)
        {
            if (offset >= size)
            {
                offset -= size;
                continue;
            }

            int count = (int)Math.Min(size - offset, destination.Length - copied);
            ram.Range(address + (ulong)offset, count).CopyTo(destination[copied..]);
            copied += count;
            offset = 0;
            if (copied == destination.Length)
            {
                break;
            }
        }

        return copied;
    }

    /// <summary>Copies to the writable parts; returns how many bytes found room.</summary>
    internal int Write(long offset, ReadOnlySpan<byte> source)
    {
        int copied = 0;
        long end = offset;
        foreach ((ulong address, int size) in _writable)
        {
            if (offset >= size)
            {
                offset -= size;
                continue;
            }

            int count = (int)Math.Min(size - offset, source.Length - copied);
            ram.Write(address + (ulong)offset, source.Slice(copied, count));
            copied += count;
            offset = 0;
            if (copied == source.Length)
            {
                break;
            }
        }

        Written = Math.Max(Written, (uint)(end + copied));
        return copied;
    }

    /// <summary>Returns the writable parts' memory to the host: their content is not wanted any more.</summary>
    internal void DiscardWritable()
    {
        foreach ((ulong address, int size) in _writable)
        {
            ram.Discard(address, (ulong)size);
        }
    }
}
