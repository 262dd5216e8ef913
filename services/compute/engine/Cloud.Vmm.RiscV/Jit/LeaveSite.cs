using System.Runtime.InteropServices;

namespace Cloud.Vmm.RiscV.Jit;

/// <summary>What a block has written behind the call by which it leaves: where it stood.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal unsafe struct LeaveSite
{
    /// <summary>How far the count of instructions is shifted.</summary>
    internal const int InstructionsShift = 12;

    /// <summary>The offset in the page, and above it a count of instructions.</summary>
    internal uint Place;

    /// <summary>The distance to where the code goes on when the instruction has been run; 0 where that must be looked up.</summary>
    internal int Back;

    /// <summary>The offset in the page of the instruction left at, or of the block.</summary>
    internal readonly uint Offset => Place & ((1 << InstructionsShift) - 1);

    /// <summary>How many instructions of the block follow the one left at; of a block that was not begun, all of them.</summary>
    internal readonly int Instructions => (int)(Place >> InstructionsShift);

    internal static nint ResumeOf(LeaveSite* site) => site->Back == 0 ? 0 : (nint)site + site->Back;
}
