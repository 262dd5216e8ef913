using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Cloud.Vmm.RiscV.Memory;
using Cloud.Vmm.RiscV.State;

namespace Cloud.Vmm.RiscV.Devices.Virtio;

/// <summary>
/// A split virtqueue in guest memory (virtio 1.2 §2.7), indirect descriptors included. The guest is hostile: every loop is bounded by the
/// queue's size,
/// and a ring that makes no sense throws <see cref="BrokenQueueException"/>, which resets the device.
/// </summary>
internal sealed unsafe class Virtqueue(GuestRam ram, ushort sizeMax)
{
    private const int DescriptorSize = 16;
    private const ushort FlagNext = 1;
    private const ushort FlagWrite = 2;
    private const ushort FlagIndirect = 4;
    private const ushort NoInterrupt = 1;

    private ushort _nextAvailable;
    private ushort _nextUsed;

    internal ushort SizeMax { get; } = sizeMax;

    internal ushort Size { get; private set; } = sizeMax;

    internal bool Ready { get; private set; }

    internal ulong Descriptors { get; set; }

    internal ulong Available { get; set; }

    internal ulong Used { get; set; }

    /// <summary>Takes a size that the driver chose; one that is no power of two up to the most is kept from becoming ready.</summary>
    internal void SetSize(uint size) => Size = size <= SizeMax && size != 0 && (size & (size - 1)) == 0 ? (ushort)size : (ushort)0;

    /// <summary>Makes the queue live where its three parts lie in memory.</summary>
    internal void SetReady(bool ready)
    {
        Ready = ready && Size != 0
            && (Descriptors & 15) == 0 && (Available & 1) == 0 && (Used & 3) == 0
            && ram.Contains(Descriptors, (ulong)Size * DescriptorSize)
            && ram.Contains(Available, (ulong)Size * 2 + 6)
            && ram.Contains(Used, (ulong)Size * 8 + 6);
    }

    internal void Reset()
    {
        Ready = false;
        Size = SizeMax;
        (Descriptors, Available, Used) = (0, 0, 0);
        (_nextAvailable, _nextUsed) = (0, 0);
    }

    internal void Save(StateWriter state)
    {
        state.U32(Size);
        state.Flag(Ready);
        state.Doubles([Descriptors, Available, Used]);
        state.U32(_nextAvailable);
        state.U32(_nextUsed);
    }

    /// <summary>A queue whose parts do not lie in memory is not ready.</summary>
    internal void Load(StateReader state)
    {
        SetSize(state.U32());
        bool ready = state.Flag();
        (Descriptors, Available, Used) = (state.U64(), state.U64(), state.U64());
        _nextAvailable = (ushort)state.U32();
        _nextUsed = (ushort)state.U32();
        SetReady(ready);
    }

    /// <summary>Takes the next buffer that the driver made available; null when there is none.</summary>
    /// <exception cref="BrokenQueueException">The ring makes no sense.</exception>
    internal DescriptorChain? Pop()
    {
        if (!Ready)
        {
            return null;
        }

        ushort available = Volatile.Read(ref At<ushort>(Available + 2));
        ushort waiting = (ushort)(available - _nextAvailable);
        if (waiting == 0)
        {
            return null;
        }

        if (waiting > Size)
        {
            throw new BrokenQueueException("More buffers are available than the queue holds.");
        }

        Interlocked.MemoryBarrier();
        ushort head = At<ushort>(Available + 4 + (ulong)(_nextAvailable % Size) * 2);
        _nextAvailable++;
        return Chain(head);
    }

    /// <summary>Gives a buffer back; true where the driver wants an interrupt for it.</summary>
    internal bool Push(DescriptorChain chain)
    {
        if (!Ready)
        {
            return false;
        }

        ulong entry = Used + 4 + (ulong)(_nextUsed % Size) * 8;
        At<uint>(entry) = chain.Head;
        At<uint>(entry + 4) = chain.Written;
        _nextUsed++;
        Volatile.Write(ref At<ushort>(Used + 2), _nextUsed);
        ram.Wrote(Used, (ulong)Size * 8 + 6);
        return (Volatile.Read(ref At<ushort>(Available)) & NoInterrupt) == 0;
    }

    private DescriptorChain Chain(ushort head)
    {
        var chain = new DescriptorChain(ram, head);
        ulong table = Descriptors;
        uint tableSize = Size;
        uint index = head;
        bool indirect = false;
        for (int hops = 0; hops < Size; hops++)
        {
            if (index >= tableSize)
            {
                throw new BrokenQueueException("A descriptor lies outside of its table.");
            }

            Descriptor descriptor = Read(table + (ulong)index * DescriptorSize);
            if ((descriptor.Flags & FlagIndirect) != 0)
            {
                bool sound = !indirect && (descriptor.Flags & FlagNext) == 0
                    && descriptor.Size >= DescriptorSize && descriptor.Size % DescriptorSize == 0
                    && ram.Contains(descriptor.Address, descriptor.Size);
                if (!sound)
                {
                    throw new BrokenQueueException("An indirect table makes no sense.");
                }

                indirect = true;
                table = descriptor.Address;
                tableSize = descriptor.Size / DescriptorSize;
                index = 0;
                continue;
            }

            if (!chain.Add(descriptor.Address, descriptor.Size, (descriptor.Flags & FlagWrite) != 0))
            {
                throw new BrokenQueueException("A buffer lies outside of memory.");
            }

            if ((descriptor.Flags & FlagNext) == 0)
            {
                return chain;
            }

            index = descriptor.Next;
        }

        throw new BrokenQueueException("A chain is longer than the queue.");
    }

    private Descriptor Read(ulong address)
    {
        // Copied once: the guest may change it meanwhile.
        Span<byte> bytes = stackalloc byte[DescriptorSize];
        ram.Range(address, DescriptorSize).CopyTo(bytes);
        return new Descriptor(
            BinaryPrimitives.ReadUInt64LittleEndian(bytes), BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]),
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[12..]), BinaryPrimitives.ReadUInt16LittleEndian(bytes[14..]));
    }

    // SAFE BECAUSE: SetReady checked that each part of the queue lies in memory, aligned, for the size that it keeps while it is ready.
    private ref T At<T>(ulong physical)
        where T : unmanaged => ref Unsafe.AsRef<T>(ram.Host + (physical - ram.Start));

    private readonly record struct Descriptor(ulong Address, uint Size, ushort Flags, ushort Next);
}
