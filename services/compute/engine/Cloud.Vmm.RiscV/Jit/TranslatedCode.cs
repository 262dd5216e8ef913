using System.Runtime.InteropServices;
using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Jit;

/// <summary>
/// A hart's translated code: by guest page a table of entry points, one a halfword. Only the hart's own thread touches it.
/// </summary>
internal sealed unsafe class TranslatedCode : IDisposable
{
    // Some 30,000 blocks: a boot's worth, and then all is translated anew.
    private const int CodeBytes = 16 << 20;

    private readonly ExecutableMemory _memory = new(CodeBytes);
    private readonly BlockTranslator _translator;
    private readonly Dictionary<ulong, nint> _pages = [];
    private readonly Action<nint> _mark;

    internal TranslatedCode(Hart hart)
    {
        _translator = new BlockTranslator(_memory);
        _mark = host => hart.MarkCode((byte*)host);
    }

    /// <summary>Whether this host's processor is the one that code is emitted for.</summary>
    internal static bool IsSupported => OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>How many blocks have been translated.</summary>
    internal long Blocks { get; private set; }

    /// <summary>Runs from an entry point; gives why it left.</summary>
    internal LeaveReason Enter(HartState* state, nint entry) => (LeaveReason)_translator.Enter(state, entry);

    /// <summary>The entry points of a page, made where they are not there.</summary>
    internal nint* EntriesOf(ulong page)
    {
        if (_pages.TryGetValue(page, out nint known))
        {
            return (nint*)known;
        }

        var entries = (nint*)NativeMemory.AlignedAlloc(CodeCache.SlotsPerPage * (nuint)sizeof(nint), 64);
        Reset(entries);
        _pages.Add(page, (nint)entries);
        return entries;
    }

    /// <summary>Translates the block at an offset of a page. Not while translated code of this hart is entered.</summary>
    internal nint Translate(FetchTlbEntry* page, int offset)
    {
        if (!_translator.HasRoom)
        {
            _translator.Clear();
            foreach (nint entries in _pages.Values)
            {
                Reset((nint*)entries);
            }
        }

        nint entry = _translator.Translate(page->Host, page->Entries, offset, _mark);
        page->Entries[offset / 2] = entry;
        Blocks++;
        return entry;
    }

    /// <summary>Forgets a page's blocks: the next jump to one finds that it is not translated.</summary>
    internal void Forget(ulong page)
    {
        if (_pages.TryGetValue(page, out nint entries))
        {
            Reset((nint*)entries);
        }
    }

    /// <summary>Forgets everything; the fetch TLB holds no page any more.</summary>
    internal void Clear()
    {
        _translator.Clear();
        foreach (nint entries in _pages.Values)
        {
            NativeMemory.AlignedFree((void*)entries);
        }

        _pages.Clear();
    }

    public void Dispose()
    {
        Clear();
        _memory.Dispose();
    }

    private void Reset(nint* entries)
    {
        for (int index = 0; index < CodeCache.SlotsPerPage; index++)
        {
            entries[index] = _translator.Untranslated(index);
        }
    }
}
