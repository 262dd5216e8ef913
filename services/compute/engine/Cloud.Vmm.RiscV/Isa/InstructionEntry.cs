using Cloud.Vmm.RiscV.Cpu;

namespace Cloud.Vmm.RiscV.Isa;

/// <summary>One line of <see cref="InstructionTable"/>.</summary>
/// <param name="op">The instruction.</param>
/// <param name="format">How its operands are encoded.</param>
/// <param name="match">The fixed bits' values.</param>
/// <param name="mask">The fixed bits.</param>
/// <param name="handler">What runs it.</param>
internal sealed unsafe class InstructionEntry(
    Op op, Format format, uint match, uint mask, delegate*<HartState*, CodeSlot*, CodeSlot*> handler)
{
    internal Op Op { get; } = op;

    internal Format Format { get; } = format;

    internal uint Match { get; } = match;

    internal uint Mask { get; } = mask;

    internal delegate*<HartState*, CodeSlot*, CodeSlot*> Handler => handler;
}
