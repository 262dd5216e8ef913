using Cloud.Vmm.RiscV.Cpu;

namespace Cloud.Vmm.RiscV.State;

/// <summary>
/// Writes what a machine is: all memory while it runs, then again and again what it wrote meanwhile, and once it stands still the rest and
/// the devices.
/// </summary>
internal sealed class MachineSaver(Machine machine, IStateTarget target)
{
    private const int PageSize = 4096;
    private const int PagesAtOnce = 64;

    // So few are written while the machine stands still: some milliseconds.
    private const int RestPages = 2048;

    // A guest that writes faster than its pages are copied is stopped after so many rounds.
    private const int RoundsMax = 8;

    private readonly byte[] _pages = new byte[PagesAtOnce * PageSize];
    private readonly byte[] _written = new byte[machine.Ram.Dirty.Count];
    private readonly List<int> _rest = [];
    private bool _begun;

    /// <summary>Copies memory while the machine runs, until little is left, or it shall end.</summary>
    /// <exception cref="IOException">It could not be written.</exception>
    internal void CopyWhileRunning(Func<bool> end)
    {
        for (int round = 0; round < RoundsMax && !end(); round++)
        {
            List<int> pages = Take();
            Hart.FlushAllWrites(machine.Harts);
            if (round > 0 && pages.Count <= RestPages)
            {
                _rest.AddRange(pages);
                return;
            }

            Copy(pages, end);
        }
    }

    /// <summary>Copies the rest of a machine that stands still, and ends the state.</summary>
    /// <exception cref="IOException">It could not be written.</exception>
    internal void Finish()
    {
        List<int> last = Take();
        Copy(_rest, () => false);
        Copy(last, () => false);
        target.Finish(machine.SaveDevices());
    }

    private List<int> Take()
    {
        List<int> pages = _begun ? machine.Ram.Dirty.Take() : machine.Ram.Dirty.TakeAll();
        _begun = true;
        return pages;
    }

    private void Copy(List<int> pages, Func<bool> end)
    {
        for (int i = 0; i < pages.Count;)
        {
            if (end())
            {
                // What is left of these comes with the rest.
                _rest.AddRange(pages.Skip(i));
                return;
            }

            int count = 0;
            while (count < PagesAtOnce && i + count < pages.Count && pages[i + count] == pages[i] + count)
            {
                count++;
            }

            CopyRun(pages[i], count);
            i += count;
        }
    }

    /// <summary>Copies pages that follow each other; one of zeros that was never anything else is left out.</summary>
    private void CopyRun(int first, int count)
    {
        int from = 0;
        for (int i = 0; i < count; i++)
        {
            // Copied once: the guest may write it meanwhile.
            Span<byte> page = _pages.AsSpan(i * PageSize, PageSize);
            machine.Ram.Pages(first + i, 1).CopyTo(page);
            if (_written[first + i] == 0 && !page.ContainsAnyExcept((byte)0))
            {
                Write(first + from, from, i - from);
                from = i + 1;
            }
            else
            {
                _written[first + i] = 1;
            }
        }

        Write(first + from, from, count - from);
    }

    private void Write(int first, int from, int count)
    {
        if (count > 0)
        {
            target.WritePages(first, _pages.AsSpan(from * PageSize, count * PageSize));
        }
    }
}
