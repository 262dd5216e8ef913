using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Memory;

namespace Cloud.Vmm.RiscV.Debug;

/// <summary>
/// How a hart's present mode and satp translate an address, level by level, as the manual has it (4.3.2) but without permissions and
/// without setting a bit: for whoever looks from outside. The machine stands still.
/// </summary>
/// <param name="Scheme">bare, sv39 or sv48.</param>
/// <param name="Steps">The entries that were read, from the root's on.</param>
/// <param name="Physical">The physical address; null where the walk ends before.</param>
internal sealed record PageWalk(string Scheme, IReadOnlyList<PageWalkStep> Steps, ulong? Physical)
{
    private const int PageBits = 12;
    private const int LevelBits = 9;

    internal static unsafe PageWalk Of(Hart hart, SystemBus bus, ulong address)
    {
        int levels = hart.Mode == PrivilegeMode.Machine ? 0 : (int)(hart.Csrs.Satp >> 60) switch { 8 => 3, 9 => 4, _ => 0 };
        if (levels == 0)
        {
            return new PageWalk("bare", [], address);
        }

        string scheme = levels == 3 ? "sv39" : "sv48";
        List<PageWalkStep> steps = [];
        int unused = 64 - (PageBits + LevelBits * levels);
        ulong table = Pte.PhysicalPage(hart.Csrs.Satp << 10) << PageBits;
        bool canonical = (ulong)((long)(address << unused) >> unused) == address;
        for (int level = levels - 1; canonical && level >= 0; level--)
        {
            int shift = PageBits + LevelBits * level;
            ulong at = table + (address >> shift & 0x1FF) * sizeof(ulong);
            var host = (ulong*)bus.RamAt(at);
            if (host is null)
            {
                break;
            }

            ulong entry = *host;
            steps.Add(new PageWalkStep(level, at, entry));
            if ((entry & Pte.Valid) == 0)
            {
                break;
            }

            ulong offset = (1UL << shift) - 1;
            if ((entry & (Pte.Readable | Pte.Executable)) != 0)
            {
                return new PageWalk(scheme, steps, (Pte.PhysicalPage(entry) << PageBits & ~offset) | address & offset);
            }

            table = Pte.PhysicalPage(entry) << PageBits;
        }

        return new PageWalk(scheme, steps, null);
    }
}

/// <summary>One entry that a walk reads.</summary>
/// <param name="Level">Of the table; 0 is the last.</param>
/// <param name="At">The entry's physical address.</param>
/// <param name="Entry">The entry.</param>
internal sealed record PageWalkStep(int Level, ulong At, ulong Entry);
