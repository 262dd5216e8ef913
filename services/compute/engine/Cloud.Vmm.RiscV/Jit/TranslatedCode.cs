using System.Runtime.InteropServices;
using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Jit;

/// <summary>A hart's translated code, and the entry points of its pages. Only the hart's own thread touches it.</summary>
internal sealed unsafe class TranslatedCode : IDisposable
{
    // Some 40,000 blocks: a boot's worth, and then all is translated anew.
    private const int CodeBytes = 12 << 20;

    private readonly ExecutableMemory _memory = new(CodeBytes);
    private readonly BlockTranslator _translator;
    private readonly EntryTables _entries;
    private readonly Action<nint> _mark;

    internal TranslatedCode(Hart hart)
    {
        _translator = new BlockTranslator(_memory);
        _entries = new EntryTables(_translator.Untranslated);
        _mark = host => hart.MarkCode((byte*)host);
    }

    /// <summary>Whether this host's processor is the one that code is emitted for.</summary>
    internal static bool IsSupported => OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>How many blocks have been translated.</summary>
    internal long Blocks { get; private set; }

    /// <summary>Whether all must be forgotten (<see cref="Clear"/>) before another page has entry points.</summary>
    internal bool IsFull => _entries.IsFull;

    /// <summary>Runs from an entry point; gives why it left.</summary>
    internal LeaveReason Enter(HartState* state, nint entry) => (LeaveReason)_translator.Enter(state, entry);

    /// <summary>The entry points of a page, made where they are not there.</summary>
    internal uint* EntriesOf(ulong page) => _entries.Of(page);

    /// <summary>Translates the block at an offset of a page. Not while translated code of this hart is entered.</summary>
    internal nint Translate(FetchTlbEntry* page, int offset)
    {
        if (!_translator.HasRoom)
        {
            _translator.Clear();
            _entries.ResetAll();
        }

        nint entry = _translator.Translate(page->Host, page->Entries, offset, _mark);
        page->Entries[offset / 2] = (uint)entry;
        Blocks++;
        return entry;
    }

    /// <summary>Forgets a page's blocks: the next jump to one finds that it is not translated.</summary>
    internal void Forget(ulong page) => _entries.Reset(page);

    /// <summary>Forgets everything; the fetch TLB holds no page any more.</summary>
    internal void Clear()
    {
        _translator.Clear();
        _entries.Clear();
    }

    public void Dispose()
    {
        _entries.Dispose();
        _memory.Dispose();
    }
}
