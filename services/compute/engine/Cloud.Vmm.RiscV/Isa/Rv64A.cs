using System.Runtime.CompilerServices;
using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Memory;
using static Cloud.Vmm.RiscV.Isa.Operands;

namespace Cloud.Vmm.RiscV.Isa;

/// <summary>
/// Atomics, by the host's atomic operations on guest memory: each is at least as ordered as its aq and rl bits ask. SC succeeds where
/// memory still
/// holds what LR read, by compare and exchange.
/// </summary>
internal static unsafe class Rv64A
{
    private const ulong Page = ~0xFFFUL;

    internal static CodeSlot* LrW(HartState* h, CodeSlot* s)
    {
        if (!Readable(h, s, 3, out uint* host))
        {
            return null;
        }

        uint value = Volatile.Read(ref *host);
        Interlocked.MemoryBarrier();
        Reserve(h, s, value, sizeof(uint));
        return SetWord(h, s, value);
    }

    internal static CodeSlot* LrD(HartState* h, CodeSlot* s)
    {
        if (!Readable(h, s, 7, out uint* host))
        {
            return null;
        }

        ulong value = Volatile.Read(ref *(ulong*)host);
        Interlocked.MemoryBarrier();
        Reserve(h, s, value, sizeof(ulong));
        return Set(h, s, value);
    }

    internal static CodeSlot* ScW(HartState* h, CodeSlot* s)
    {
        if (!Writable(h, s, 3, out uint* host))
        {
            return null;
        }

        bool stored = Claim(h, s, sizeof(uint))
            && Interlocked.CompareExchange(ref *host, (uint)B(h, s), (uint)h->ReservedValue) == (uint)h->ReservedValue;
        return Set(h, s, stored ? 0UL : 1);
    }

    internal static CodeSlot* ScD(HartState* h, CodeSlot* s)
    {
        if (!Writable(h, s, 7, out uint* host))
        {
            return null;
        }

        bool stored = Claim(h, s, sizeof(ulong))
            && Interlocked.CompareExchange(ref *(ulong*)host, B(h, s), h->ReservedValue) == h->ReservedValue;
        return Set(h, s, stored ? 0UL : 1);
    }

    internal static CodeSlot* SwapW(HartState* h, CodeSlot* s) =>
        Writable(h, s, 3, out uint* host) ? SetWord(h, s, Interlocked.Exchange(ref *host, (uint)B(h, s))) : null;

    internal static CodeSlot* AddW(HartState* h, CodeSlot* s)
    {
        if (!Writable(h, s, 3, out uint* host))
        {
            return null;
        }

        uint b = (uint)B(h, s);
        return SetWord(h, s, Interlocked.Add(ref *host, b) - b);
    }

    internal static CodeSlot* AndW(HartState* h, CodeSlot* s) =>
        Writable(h, s, 3, out uint* host) ? SetWord(h, s, Interlocked.And(ref *host, (uint)B(h, s))) : null;

    internal static CodeSlot* OrW(HartState* h, CodeSlot* s) =>
        Writable(h, s, 3, out uint* host) ? SetWord(h, s, Interlocked.Or(ref *host, (uint)B(h, s))) : null;

    internal static CodeSlot* XorW(HartState* h, CodeSlot* s) => UpdateW(h, s, static (a, b) => a ^ b);

    internal static CodeSlot* MinW(HartState* h, CodeSlot* s) => UpdateW(h, s, static (a, b) => (uint)Math.Min((int)a, (int)b));

    internal static CodeSlot* MaxW(HartState* h, CodeSlot* s) => UpdateW(h, s, static (a, b) => (uint)Math.Max((int)a, (int)b));

    internal static CodeSlot* MinuW(HartState* h, CodeSlot* s) => UpdateW(h, s, static (a, b) => Math.Min(a, b));

    internal static CodeSlot* MaxuW(HartState* h, CodeSlot* s) => UpdateW(h, s, static (a, b) => Math.Max(a, b));

    internal static CodeSlot* SwapD(HartState* h, CodeSlot* s) =>
        Writable(h, s, 7, out uint* host) ? Set(h, s, Interlocked.Exchange(ref *(ulong*)host, B(h, s))) : null;

    internal static CodeSlot* AddD(HartState* h, CodeSlot* s)
    {
        if (!Writable(h, s, 7, out uint* host))
        {
            return null;
        }

        ulong b = B(h, s);
        return Set(h, s, Interlocked.Add(ref *(ulong*)host, b) - b);
    }

    internal static CodeSlot* AndD(HartState* h, CodeSlot* s) =>
        Writable(h, s, 7, out uint* host) ? Set(h, s, Interlocked.And(ref *(ulong*)host, B(h, s))) : null;

    internal static CodeSlot* OrD(HartState* h, CodeSlot* s) =>
        Writable(h, s, 7, out uint* host) ? Set(h, s, Interlocked.Or(ref *(ulong*)host, B(h, s))) : null;

    internal static CodeSlot* XorD(HartState* h, CodeSlot* s) => UpdateD(h, s, static (a, b) => a ^ b);

    internal static CodeSlot* MinD(HartState* h, CodeSlot* s) => UpdateD(h, s, static (a, b) => (ulong)Math.Min((long)a, (long)b));

    internal static CodeSlot* MaxD(HartState* h, CodeSlot* s) => UpdateD(h, s, static (a, b) => (ulong)Math.Max((long)a, (long)b));

    internal static CodeSlot* MinuD(HartState* h, CodeSlot* s) => UpdateD(h, s, static (a, b) => Math.Min(a, b));

    internal static CodeSlot* MaxuD(HartState* h, CodeSlot* s) => UpdateD(h, s, static (a, b) => Math.Max(a, b));

    private static CodeSlot* UpdateW(HartState* h, CodeSlot* s, Func<uint, uint, uint> update)
    {
        if (!Writable(h, s, 3, out uint* host))
        {
            return null;
        }

        uint b = (uint)B(h, s);
        uint old = Volatile.Read(ref *host);
        while (true)
        {
            uint seen = Interlocked.CompareExchange(ref *host, update(old, b), old);
            if (seen == old)
            {
                return SetWord(h, s, old);
            }

            old = seen;
        }
    }

    private static CodeSlot* UpdateD(HartState* h, CodeSlot* s, Func<ulong, ulong, ulong> update)
    {
        if (!Writable(h, s, 7, out uint* host))
        {
            return null;
        }

        ulong b = B(h, s);
        ulong old = Volatile.Read(ref *(ulong*)host);
        while (true)
        {
            ulong seen = Interlocked.CompareExchange(ref *(ulong*)host, update(old, b), old);
            if (seen == old)
            {
                return Set(h, s, old);
            }

            old = seen;
        }
    }

    private static void Reserve(HartState* h, CodeSlot* s, ulong value, int size)
    {
        h->Reserved = size;
        h->ReservedAddress = A(h, s);
        h->ReservedValue = value;
    }

    /// <summary>Takes the reservation: it stands only for an SC of the same size and address, and for one.</summary>
    private static bool Claim(HartState* h, CodeSlot* s, int size)
    {
        bool held = h->Reserved == size && h->ReservedAddress == A(h, s);
        h->Reserved = 0;
        return held;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Readable(HartState* h, CodeSlot* s, ulong alignment, out uint* host)
    {
        ulong address = A(h, s);
        TlbEntry* entry = h->ReadTlb + Tlb.IndexOf(address);
        host = (uint*)(address + entry->Addend);
        return entry->Tag == (address & (Page | alignment)) || Prepare(h, s, address, alignment, write: false, out host);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Writable(HartState* h, CodeSlot* s, ulong alignment, out uint* host)
    {
        ulong address = A(h, s);
        TlbEntry* entry = h->WriteTlb + Tlb.IndexOf(address);
        host = (uint*)(address + entry->Addend);
        return entry->Tag == (address & (Page | alignment)) || Prepare(h, s, address, alignment, write: true, out host);
    }

    private static bool Prepare(HartState* h, CodeSlot* s, ulong address, ulong alignment, bool write, out uint* host)
    {
        if (Hart.Of(h).PrepareAtomic(address, alignment, write, out host))
        {
            return true;
        }

        h->Pc = HartState.PcOf(h, s);
        h->Exit = ExitReason.Trap;
        return false;
    }
}
