using System.Runtime.InteropServices;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Jit;

/// <summary>
/// By guest physical page the entry points into its translated code, one a halfword, below 2 GiB as the code itself, so that one takes four
/// bytes and is found without its table's address in a register.
/// </summary>
/// <param name="untranslated">What the entry of a halfword leads to that has no block, given the halfword's number.</param>
internal sealed unsafe partial class EntryTables(Func<int, nint> untranslated) : IDisposable
{
    // The kernel's and one program's hot code fit well; 6 MiB.
    private const int PagesMax = 768;
    private const nuint TableBytes = CodeCache.SlotsPerPage * sizeof(uint);
    private const int ReadWrite = 3;
    private const int PrivateAnonymousLowNoReserve = 0x02 | 0x20 | 0x40 | 0x4000;

    private readonly byte* _tables = MapTables();
    private readonly Dictionary<ulong, nint> _pages = [];

    /// <summary>Whether all must be forgotten before another page has its table.</summary>
    internal bool IsFull => _pages.Count >= PagesMax;

    /// <summary>The entry points of a page, made where they are not there.</summary>
    internal uint* Of(ulong page)
    {
        if (_pages.TryGetValue(page, out nint known))
        {
            return (uint*)known;
        }

        var table = (uint*)(_tables + (nuint)_pages.Count * TableBytes);
        Reset(table);
        _pages.Add(page, (nint)table);
        return table;
    }

    /// <summary>Lets every jump into a page find that nothing is translated.</summary>
    internal void Reset(ulong page)
    {
        if (_pages.TryGetValue(page, out nint table))
        {
            Reset((uint*)table);
        }
    }

    /// <summary>The same of every page.</summary>
    internal void ResetAll()
    {
        foreach (nint table in _pages.Values)
        {
            Reset((uint*)table);
        }
    }

    /// <summary>Takes every table away; nothing leads to one any more.</summary>
    internal void Clear() => _pages.Clear();

    public void Dispose() => _ = Unmap((nint)_tables, PagesMax * TableBytes);

    private void Reset(uint* table)
    {
        for (int index = 0; index < CodeCache.SlotsPerPage; index++)
        {
            table[index] = (uint)untranslated(index);
        }
    }

    private static byte* MapTables()
    {
        nint mapped = Map(0, PagesMax * TableBytes, ReadWrite, PrivateAnonymousLowNoReserve, -1, 0);
        return mapped != -1 ? (byte*)mapped
            : throw new InvalidOperationException($"Memory for entries cannot be mapped (errno {Marshal.GetLastPInvokeError()}).");
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}
