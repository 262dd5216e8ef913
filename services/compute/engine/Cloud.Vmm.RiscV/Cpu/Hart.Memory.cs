using Cloud.Vmm.RiscV.Isa;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Cpu;

// Memory accesses that the TLB does not answer, and what keeps decoded code true to memory.
internal sealed unsafe partial class Hart
{
    private const ulong PageMask = ~0xFFFUL;

    // Pages decoded while another hart may still have stored to them past the code map: trusted only until the next FENCE.I.
    private readonly HashSet<ulong> _unconfirmed = [];

    /// <summary>A load of 1 &lt;&lt; sizeLog2 bytes at any address; false sets the trap.</summary>
    internal bool Load(ulong address, int sizeLog2, out ulong value)
    {
        ulong size = 1UL << sizeLog2;
        if ((address & (size - 1)) != 0)
        {
            return LoadMisaligned(address, (int)size, out value);
        }

        value = 0;
        if (!Resolve(address, Access.Load, out ulong physical))
        {
            return false;
        }

        byte* host = _bus.ReadableAt(physical);
        if (host is null)
        {
            Counters.DeviceReads++;
            return _bus.Read(physical, sizeLog2, out value) || Fault(TrapCause.LoadAccessFault, address);
        }

        FillRead(address, host);
        value = sizeLog2 switch
        {
            0 => *host,
            1 => *(ushort*)host,
            2 => *(uint*)host,
            _ => *(ulong*)host,
        };
        return true;
    }

    /// <summary>A store of the low 1 &lt;&lt; sizeLog2 bytes at any address; false sets the trap.</summary>
    internal bool Store(ulong address, int sizeLog2, ulong value)
    {
        ulong size = 1UL << sizeLog2;
        if ((address & (size - 1)) != 0)
        {
            return StoreMisaligned(address, (int)size, value);
        }

        if (!Resolve(address, Access.Store, out ulong physical))
        {
            return false;
        }

        byte* host = _bus.RamAt(physical);
        if (host is null)
        {
            Counters.DeviceWrites++;
            return _bus.Write(physical, sizeLog2, value) || Fault(TrapCause.StoreAccessFault, address);
        }

        bool hasCode = FillWrite(address, physical, host);
        switch (sizeLog2)
        {
            case 0:
                *host = (byte)value;
                break;
            case 1:
                *(ushort*)host = (ushort)value;
                break;
            case 2:
                *(uint*)host = (uint)value;
                break;
            default:
                *(ulong*)host = value;
                break;
        }

        if (hasCode)
        {
            _bus.Ram.Wrote(physical, size);
        }

        return true;
    }

    /// <summary>Where an atomic may work: aligned, in memory; false sets the trap.</summary>
    internal bool PrepareAtomic(ulong address, ulong alignment, bool write, out uint* host)
    {
        host = null;
        if ((address & alignment) != 0)
        {
            return Fault(write ? TrapCause.StoreMisaligned : TrapCause.LoadMisaligned, address);
        }

        Access access = write ? Access.Store : Access.Load;
        if (!Resolve(address, access, out ulong physical))
        {
            return false;
        }

        byte* at = write ? _bus.RamAt(physical) : _bus.ReadableAt(physical);
        if (at is null)
        {
            return Fault(Mmu.AccessFault(access), address);
        }

        host = (uint*)at;
        if (!write)
        {
            FillRead(address, at);
            return true;
        }

        if (_bus.Ram.Code.HasCode(physical))
        {
            // The atomic writes without a word to the code map: the page's code is forgotten beforehand, which makes it a page of data
            // again.
            _bus.Ram.Code.Wrote(physical & PageMask, ~PageMask + 1);
        }

        FillWrite(address, physical, at);
        return true;
    }

    /// <summary>Notes that this hart decodes what lies at a host address.</summary>
    internal void MarkCode(byte* host)
    {
        ulong offset = (ulong)(host - _bus.Ram.Host);
        if (offset >= _bus.Ram.Size || !_bus.Ram.Code.Mark(_bus.Ram.Start + offset, Id))
        {
            return;
        }

        Counters.CodePages++;

        // From now on stores to the page must be seen: no hart may keep it in its write TLB.
        Tlb.FlushWrites();
        if (Peers.Length > 1)
        {
            _unconfirmed.Add((_bus.Ram.Start + offset) >> 12);
            foreach (Hart peer in Peers)
            {
                peer.RequestWriteFlush(this);
            }
        }
    }

    /// <summary>Makes the hart forget what it decoded of a guest physical page; from any thread.</summary>
    internal void ForgetCode(ulong page)
    {
        _pagesToForget.Enqueue(page);
        Attend();
    }

    private void ForgetQueuedCode()
    {
        while (_pagesToForget.TryDequeue(out ulong page))
        {
            _code.Forget(page);
            _translated?.Forget(page);
        }
    }

    /// <summary>Frees all that was decoded and translated; not while it runs.</summary>
    private void ClearCode()
    {
        _code.Clear();
        _translated?.Clear();
    }

    /// <summary>FENCE.I: what other harts wrote and made visible before is seen by the fetches after.</summary>
    private void FenceInstructions()
    {
        ForgetQueuedCode();
        if (_unconfirmed.Count == 0)
        {
            return;
        }

        AwaitWriteFlushes();
        foreach (ulong page in _unconfirmed)
        {
            _code.Forget(page);
            _translated?.Forget(page);
        }

        _unconfirmed.Clear();
    }

    private bool LoadMisaligned(ulong address, int size, out ulong value)
    {
        value = 0;
        if (!Part(address, size, Access.Load, out Parts parts))
        {
            return false;
        }

        for (int i = size - 1; i >= 0; i--)
        {
            value = value << 8 | *parts.At(i);
        }

        return true;
    }

    private bool StoreMisaligned(ulong address, int size, ulong value)
    {
        if (!Part(address, size, Access.Store, out Parts parts))
        {
            return false;
        }

        for (int i = 0; i < size; i++)
        {
            *parts.At(i) = (byte)(value >> (8 * i));
        }

        GuestRam ram = _bus.Ram;
        ram.Wrote(parts.FirstPhysical, (ulong)parts.FirstSize);
        if (parts.FirstSize < size)
        {
            ram.Wrote(parts.SecondPhysical, (ulong)(size - parts.FirstSize));
        }

        return true;
    }

    /// <summary>
    /// A misaligned access as one or two runs of memory, on one page or two; both may be accessed, or nothing is. Devices take none.
    /// </summary>
    private bool Part(ulong address, int size, Access access, out Parts parts)
    {
        parts = default;
        int first = (int)Math.Min((ulong)size, 4096 - (address & ~PageMask));
        if (!MemoryAt(address, access, out byte* firstHost, out ulong firstPhysical))
        {
            return false;
        }

        byte* secondHost = null;
        ulong secondPhysical = 0;
        if (first < size && !MemoryAt(address + (ulong)first, access, out secondHost, out secondPhysical))
        {
            return false;
        }

        parts = new Parts
        {
            First = firstHost,
            FirstPhysical = firstPhysical,
            FirstSize = first,
            Second = secondHost,
            SecondPhysical = secondPhysical,
        };
        return true;
    }

    private bool MemoryAt(ulong address, Access access, out byte* host, out ulong physical)
    {
        host = null;
        if (!Resolve(address, access, out physical))
        {
            return false;
        }

        host = access == Access.Store ? _bus.RamAt(physical) : _bus.ReadableAt(physical);
        return host is not null || Fault(Mmu.AccessFault(access), address);
    }

    /// <summary>Translates a load's or store's address; false sets the trap.</summary>
    private bool Resolve(ulong address, Access access, out ulong physical) =>
        _mmu.Translate(address, access, DataMode(Csrs.Status), out physical, out TrapCause cause) || Fault(cause, address);

    private bool Fault(TrapCause cause, ulong address)
    {
        State->TrapCause = cause;
        State->TrapValue = address;
        return false;
    }

    private void FillRead(ulong address, byte* host)
    {
        Counters.TlbFills++;
        TlbEntry* entry = State->ReadTlb + Tlb.IndexOf(address);
        entry->Tag = address & PageMask;
        entry->Addend = (ulong)host - address;
    }

    /// <summary>Lets stores to the page go straight to memory, unless code of it is held: then true.</summary>
    private bool FillWrite(ulong address, ulong physical, byte* host)
    {
        _bus.Ram.Dirty.Mark(physical);
        if (_bus.Ram.Code.HasCode(physical))
        {
            return true;
        }

        Counters.TlbFills++;
        TlbEntry* entry = State->WriteTlb + Tlb.IndexOf(address);
        entry->Tag = address & PageMask;
        entry->Addend = (ulong)host - address;
        return false;
    }

    /// <summary>Brings the page of an address into the fetch TLB; false sets the trap.</summary>
    private bool FillFetch(ulong address)
    {
        if (!_mmu.Translate(address, Access.Fetch, Mode, out ulong physical, out TrapCause cause))
        {
            return Fault(cause, address);
        }

        byte* host = _bus.ReadableAt(physical & PageMask);
        if (host is null)
        {
            return Fault(TrapCause.InstructionAccessFault, address);
        }

        if (_translated?.IsFull ?? _code.IsFull)
        {
            ClearCode();
        }

        Counters.TlbFills++;
        CodeSlot* slots = _translated is null ? _code.SlotsOf(physical >> 12) : DecodedInstruction.SharedSlots;
        FetchTlbEntry* entry = State->FetchTlb + Tlb.IndexOf(address);
        entry->Tag = address & PageMask;
        entry->Slots = slots;
        entry->Host = host;
        entry->Entries = _translated is null ? null : _translated.EntriesOf(physical >> 12);
        return true;
    }

    private struct Parts
    {
        internal byte* First;
        internal byte* Second;
        internal int FirstSize;
        internal ulong FirstPhysical;
        internal ulong SecondPhysical;

        internal readonly byte* At(int index) => index < FirstSize ? First + index : Second + (index - FirstSize);
    }
}
