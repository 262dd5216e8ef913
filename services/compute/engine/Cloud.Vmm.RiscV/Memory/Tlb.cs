using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Memory;

/// <summary>A page that loads or stores may touch directly.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TlbEntry
{
    /// <summary>The guest virtual page address; <see cref="Tlb.Empty"/> matches nothing.</summary>
    internal ulong Tag;

    /// <summary>Host address = guest virtual address + this.</summary>
    internal ulong Addend;
}

/// <summary>A page that instructions may be fetched from.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct FetchTlbEntry
{
    /// <summary>The guest virtual page address; <see cref="Tlb.Empty"/> matches nothing.</summary>
    internal ulong Tag;
    internal CodeSlot* Slots;
    internal byte* Host;

    /// <summary>The page's entry points into translated code, one a halfword; null where code is not translated.</summary>
    internal uint* Entries;
}

/// <summary>
/// A hart's translation cache in unmanaged memory: one set per privilege that data can be accessed with, so that a change of mode or of
/// mstatus.SUM
/// only changes which set is used. Pages of 4 KiB whatever the page table holds.
/// </summary>
internal sealed unsafe class Tlb : IDisposable
{
    internal const int EntriesPerSet = 256;

    // Bit 11 is in no comparison: those keep the page number and the alignment bits.
    internal const ulong Empty = 1UL << 11;

    /// <summary>The data sets: user, supervisor, supervisor with SUM, machine.</summary>
    internal const int SetUser = 0;
    internal const int SetSupervisor = 1;
    internal const int SetSupervisorUserAccess = 2;
    internal const int SetMachine = 3;
    private const int Sets = 4;

    private readonly TlbEntry* _read;
    private readonly TlbEntry* _write;
    private readonly FetchTlbEntry* _fetch;

    // The virtual range that superpages were seen in since the last flush: a fence for one address in it must flush all.
    private ulong _superpageLow = ulong.MaxValue;
    private ulong _superpageHigh;

    internal Tlb()
    {
        _read = (TlbEntry*)NativeMemory.AlignedAlloc(Sets * EntriesPerSet * (nuint)sizeof(TlbEntry), 64);
        _write = (TlbEntry*)NativeMemory.AlignedAlloc(Sets * EntriesPerSet * (nuint)sizeof(TlbEntry), 64);
        _fetch = (FetchTlbEntry*)NativeMemory.AlignedAlloc(Sets * EntriesPerSet * (nuint)sizeof(FetchTlbEntry), 64);
        FlushAll();
    }

    internal TlbEntry* Read(int set) => _read + set * EntriesPerSet;

    internal TlbEntry* Write(int set) => _write + set * EntriesPerSet;

    internal FetchTlbEntry* Fetch(int set) => _fetch + set * EntriesPerSet;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int IndexOf(ulong address) => (int)(address >> 12) & (EntriesPerSet - 1);

    internal void NoteSuperpage(ulong address, ulong size)
    {
        ulong start = address & ~(size - 1);
        _superpageLow = Math.Min(_superpageLow, start);
        _superpageHigh = Math.Max(_superpageHigh, start + (size - 1));
    }

    /// <summary>Forgets every translation, of machine mode too: after a change of PMP.</summary>
    internal void FlushAll()
    {
        Flush(Sets);
    }

    /// <summary>Forgets every translation that came from a page table.</summary>
    internal void FlushTranslated()
    {
        Flush(SetMachine);
        _superpageLow = ulong.MaxValue;
        _superpageHigh = 0;
    }

    /// <summary>Forgets the translation of one address, and all where it may lie in a superpage.</summary>
    internal void FlushAddress(ulong address)
    {
        if (address >= _superpageLow && address <= _superpageHigh)
        {
            FlushTranslated();
            return;
        }

        int index = IndexOf(address);
        for (int set = 0; set < SetMachine; set++)
        {
            Read(set)[index].Tag = Empty;
            Write(set)[index].Tag = Empty;
            Fetch(set)[index].Tag = Empty;
        }
    }

    /// <summary>Forgets all that may be stored to: the next store to each page is seen by the slow path.</summary>
    internal void FlushWrites()
    {
        for (int i = 0; i < Sets * EntriesPerSet; i++)
        {
            _write[i].Tag = Empty;
        }
    }

    /// <summary>Forgets all that may be fetched from: before code pages are freed.</summary>
    internal void FlushFetches()
    {
        for (int i = 0; i < Sets * EntriesPerSet; i++)
        {
            _fetch[i].Tag = Empty;
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_read);
        NativeMemory.AlignedFree(_write);
        NativeMemory.AlignedFree(_fetch);
    }

    private void Flush(int sets)
    {
        for (int i = 0; i < sets * EntriesPerSet; i++)
        {
            _read[i].Tag = Empty;
            _write[i].Tag = Empty;
            _fetch[i].Tag = Empty;
        }
    }
}
