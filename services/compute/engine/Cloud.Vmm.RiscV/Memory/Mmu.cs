using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Cpu.Csr;

namespace Cloud.Vmm.RiscV.Memory;

/// <summary>
/// Translates addresses as the hart's mode and satp say: Sv39 and Sv48 walks with the accessed and dirty bits kept by hardware, then PMP.
/// </summary>
internal sealed unsafe class Mmu(Hart hart, SystemBus bus)
{
    private const int PageBits = 12;
    private const int LevelBits = 9;
    private const int BareMode = 0;
    private const int Sv39Mode = 8;
    private const ulong PhysicalMask = (1UL << 56) - 1;

    /// <summary>The physical address; false gives the exception instead.</summary>
    internal bool Translate(ulong address, Access access, PrivilegeMode mode, out ulong physical, out TrapCause cause)
    {
        int scheme = (int)(hart.Csrs.Satp >> 60);
        if (mode == PrivilegeMode.Machine || scheme == BareMode)
        {
            physical = address;
            cause = AccessFault(access);
            return address <= PhysicalMask && hart.Pmp.Allows(address, access, mode);
        }

        int levels = scheme == Sv39Mode ? 3 : 4;
        if (!Walk(address, access, mode, levels, out physical, out cause))
        {
            return false;
        }

        cause = AccessFault(access);
        return hart.Pmp.Allows(physical, access, mode);
    }

    internal static TrapCause AccessFault(Access access) => access switch
    {
        Access.Fetch => TrapCause.InstructionAccessFault,
        Access.Load => TrapCause.LoadAccessFault,
        _ => TrapCause.StoreAccessFault,
    };

    private static TrapCause PageFault(Access access) => access switch
    {
        Access.Fetch => TrapCause.InstructionPageFault,
        Access.Load => TrapCause.LoadPageFault,
        _ => TrapCause.StorePageFault,
    };

    private bool Walk(ulong address, Access access, PrivilegeMode mode, int levels, out ulong physical, out TrapCause cause)
    {
        physical = 0;
        cause = PageFault(access);

        // The bits above the translated ones must all equal the highest of those.
        int unused = 64 - (PageBits + LevelBits * levels);
        if ((ulong)((long)(address << unused) >> unused) != address)
        {
            return false;
        }

        ulong table = Pte.PhysicalPage(hart.Csrs.Satp << 10) << PageBits;
        for (int level = levels - 1; level >= 0; level--)
        {
            int shift = PageBits + LevelBits * level;
            ulong entryAddress = table + (address >> shift & 0x1FF) * sizeof(ulong);
            ulong* host = (ulong*)bus.RamAt(entryAddress);
            if (host is null || !hart.Pmp.Allows(entryAddress, Access.Load, PrivilegeMode.Supervisor))
            {
                cause = AccessFault(access);
                return false;
            }

            ulong entry = Volatile.Read(ref *host);
            bool leaf = (entry & (Pte.Readable | Pte.Executable)) != 0;
            if (!WellFormed(entry, leaf))
            {
                return false;
            }

            if (leaf)
            {
                return Leaf(host, entryAddress, entry, new Request(address, access, mode, shift), out physical);
            }

            table = Pte.PhysicalPage(entry) << PageBits;
        }

        return false;
    }

    private static bool WellFormed(ulong entry, bool leaf)
    {
        bool valid = (entry & Pte.Valid) != 0 && (entry & (Pte.Readable | Pte.Writable)) != Pte.Writable && (entry & Pte.Reserved) == 0;

        // In a pointer to the next table the accessed, dirty and user bits are reserved.
        return valid && (leaf || (entry & (Pte.Accessed | Pte.Dirty | Pte.User)) == 0);
    }

    private bool Leaf(ulong* host, ulong entryAddress, ulong entry, Request request, out ulong physical)
    {
        physical = 0;
        ulong offsetMask = (1UL << request.Shift) - 1;
        ulong baseAddress = Pte.PhysicalPage(entry) << PageBits;
        if (!Permits(entry, request.Access, request.Mode) || (baseAddress & offsetMask) != 0)
        {
            return false;
        }

        ulong marked = entry | Pte.Accessed | (request.Access == Access.Store ? Pte.Dirty : 0);
        if (marked != entry)
        {
            if (!hart.Pmp.Allows(entryAddress, Access.Store, PrivilegeMode.Supervisor))
            {
                return false;
            }

            // Another hart, or software, may have changed the entry since it was read: then the walk starts over.
            if (Interlocked.CompareExchange(ref *host, marked, entry) != entry)
            {
                int levels = (int)(hart.Csrs.Satp >> 60) == Sv39Mode ? 3 : 4;
                return Walk(request.Address, request.Access, request.Mode, levels, out physical, out _);
            }

            bus.Ram.Wrote(entryAddress, sizeof(ulong));
        }

        if (request.Shift > PageBits)
        {
            hart.Tlb.NoteSuperpage(request.Address, 1UL << request.Shift);
        }

        physical = baseAddress | request.Address & offsetMask;
        return true;
    }

    private bool Permits(ulong entry, Access access, PrivilegeMode mode)
    {
        ulong status = hart.Csrs.Status;
        if ((entry & Pte.User) != 0)
        {
            // Supervisor mode never runs a user's page, and reads or writes it only with SUM.
            if (mode == PrivilegeMode.Supervisor && (access == Access.Fetch || (status & Mstatus.Sum) == 0))
            {
                return false;
            }
        }
        else if (mode == PrivilegeMode.User)
        {
            return false;
        }

        return access switch
        {
            Access.Fetch => (entry & Pte.Executable) != 0,
            Access.Store => (entry & Pte.Writable) != 0,
            _ => (entry & Pte.Readable) != 0 || (status & Mstatus.Mxr) != 0 && (entry & Pte.Executable) != 0,
        };
    }

    private readonly record struct Request(ulong Address, Access Access, PrivilegeMode Mode, int Shift);
}
