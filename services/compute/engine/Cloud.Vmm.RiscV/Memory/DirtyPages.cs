using System.Runtime.InteropServices;

namespace Cloud.Vmm.RiscV.Memory;

/// <summary>
/// Which pages of guest memory were written: a byte a page, set by whoever writes. A page in a write TLB was marked when it came there, so
/// whoever takes the marks has the write TLBs forgotten before it copies pages (<see cref="Cpu.Hart.FlushAllWrites"/>).
/// </summary>
internal sealed unsafe class DirtyPages : IDisposable
{
    private readonly ulong _start;
    private readonly byte* _marks;
    private readonly byte* _ever;

    internal DirtyPages(ulong start, ulong size)
    {
        _start = start;
        Count = checked((int)(size >> 12));
        _marks = (byte*)NativeMemory.AllocZeroed((nuint)Count + sizeof(ulong));
        _ever = (byte*)NativeMemory.AllocZeroed((nuint)Count);
    }

    /// <summary>The pages of memory.</summary>
    internal int Count { get; }

    /// <summary>Marks the page of an address in memory.</summary>
    internal void Mark(ulong physical) => Volatile.Write(ref _marks[(physical - _start) >> 12], 1);

    /// <summary>Marks the pages of a range in memory.</summary>
    internal void Mark(ulong physical, ulong size)
    {
        if (size != 0)
        {
            ulong last = (physical - _start + size - 1) >> 12;
            for (ulong page = (physical - _start) >> 12; page <= last; page++)
            {
                Volatile.Write(ref _marks[page], 1);
            }
        }
    }

    /// <summary>Notes that a page holds something, though nobody here wrote it: it came from a file.</summary>
    internal void Note(int page) => _ever[page] = 1;

    /// <summary>The same of every page.</summary>
    internal void NoteAll() => new Span<byte>(_ever, Count).Fill(1);

    /// <summary>The pages marked since the last time, whose marks are taken away; in order.</summary>
    internal List<int> Take()
    {
        List<int> taken = [];
        for (int page = 0; page < Count; page++)
        {
            if ((page & 7) == 0 && *(ulong*)(_marks + page) == 0)
            {
                page += 7;
                continue;
            }

            if (_marks[page] != 0)
            {
                Volatile.Write(ref _marks[page], 0);
                _ever[page] = 1;
                taken.Add(page);
            }
        }

        Interlocked.MemoryBarrier();
        return taken;
    }

    /// <summary>Every page that may hold anything but zeros; takes the marks away.</summary>
    internal List<int> TakeAll()
    {
        Take();
        List<int> all = [];
        for (int page = 0; page < Count; page++)
        {
            if (_ever[page] != 0)
            {
                all.Add(page);
            }
        }

        return all;
    }

    public void Dispose()
    {
        NativeMemory.Free(_marks);
        NativeMemory.Free(_ever);
    }
}
