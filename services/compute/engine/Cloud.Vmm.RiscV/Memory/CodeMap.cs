using System.Runtime.InteropServices;
using Cloud.Vmm.RiscV.Cpu;

namespace Cloud.Vmm.RiscV.Memory;

/// <summary>
/// Which guest memory harts hold decoded: by page the harts, and by 64 bytes whether anything is decoded there. A page that has code is
/// never in a
/// write TLB, so each store to it comes here.
/// </summary>
/// <remarks>
/// A hart marks before it reads the bytes; a writer looks after it has written, past a full barrier. So either the hart reads the new bytes
/// or the
/// writer sees the mark and tells the hart, which forgets them by its next FENCE.I.
/// </remarks>
internal sealed unsafe class CodeMap : IDisposable
{
    private const int LineBits = 6;

    private readonly ulong _start;
    private readonly ulong _size;
    private readonly int* _harts;
    private readonly ulong* _lines;
    private Hart[] _all = [];

    internal CodeMap(ulong start, ulong size)
    {
        _start = start;
        _size = size;
        nuint pages = (nuint)(size >> 12);
        _harts = (int*)NativeMemory.AllocZeroed(pages, sizeof(int));
        _lines = (ulong*)NativeMemory.AllocZeroed(pages, sizeof(ulong));
    }

    /// <summary>The harts that are told of writes; set once, when the board is built.</summary>
    internal void Attach(Hart[] harts) => _all = harts;

    /// <summary>Whether any hart holds code of the page of an address in memory.</summary>
    internal bool HasCode(ulong physical) => Volatile.Read(ref _harts[(physical - _start) >> 12]) != 0;

    /// <summary>Notes that a hart is about to decode at an address. True where it held nothing of the page before.</summary>
    internal bool Mark(ulong physical, int hart)
    {
        ulong page = (physical - _start) >> 12;
        int bit = 1 << hart;
        bool first = (Interlocked.Or(ref _harts[page], bit) & bit) == 0;
        Interlocked.Or(ref _lines[page], 1UL << (int)(physical >> LineBits & 63));
        return first;
    }

    /// <summary>Tells of bytes just written; the range lies in memory.</summary>
    internal void Wrote(ulong physical, ulong size)
    {
        if (size == 0)
        {
            return;
        }

        Interlocked.MemoryBarrier();
        ulong first = physical - _start;
        ulong last = first + size - 1;
        for (ulong page = first >> 12; page <= last >> 12; page++)
        {
            if (Volatile.Read(ref _harts[page]) != 0)
            {
                ulong from = Math.Max(first, page << 12) >> LineBits & 63;
                ulong to = Math.Min(last, (page << 12) + 0xFFF) >> LineBits & 63;
                Forget(page, ulong.MaxValue << (int)from & ulong.MaxValue >> (int)(63 - to));
            }
        }
    }

    public void Dispose()
    {
        NativeMemory.Free(_harts);
        NativeMemory.Free(_lines);
    }

    private void Forget(ulong page, ulong lines)
    {
        if ((Volatile.Read(ref _lines[page]) & lines) == 0)
        {
            return;
        }

        Interlocked.Exchange(ref _lines[page], 0);
        int harts = Interlocked.Exchange(ref _harts[page], 0);
        for (int i = 0; i < _all.Length; i++)
        {
            if ((harts >> i & 1) != 0)
            {
                _all[i].ForgetCode((_start >> 12) + page);
            }
        }
    }
}
