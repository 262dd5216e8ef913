using Cloud.Vmm.RiscV.Debug;
using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Tests.Debug;

/// <summary>Texts as binutils writes them with <c>-M no-aliases</c>, offsets aside.</summary>
public sealed class DisassemblerTests
{
    [Theory]
    [InlineData(0x00A58513u, "addi a0, a1, 10")]
    [InlineData(0xFE010113u, "addi sp, sp, -32")]
    [InlineData(0x00013083u, "ld ra, 0(sp)")]
    [InlineData(0x00813423u, "sd s0, 8(sp)")]
    [InlineData(0x12345537u, "lui a0, 0x12345")]
    [InlineData(0x0000006Fu, "jal zero, 0x1000")]
    [InlineData(0xFE0508E3u, "beq a0, zero, 0xff0")]
    [InlineData(0x00008067u, "jalr zero, 0(ra)")]
    [InlineData(0x30529073u, "csrrw zero, mtvec, t0")]
    [InlineData(0x10016073u, "csrrsi zero, sstatus, 2")]
    [InlineData(0x100522AFu, "lr.w t0, (a0)")]
    [InlineData(0x00B5352Fu, "amoadd.d a0, a1, (a0)")]
    [InlineData(0x08B5252Fu, "amoswap.w a0, a1, (a0)")]
    [InlineData(0x02B57553u, "fadd.d fa0, fa0, fa1")]
    [InlineData(0xD2250553u, "fcvt.d.l fa0, a0")]
    [InlineData(0xC2051553u, "fcvt.w.d a0, fa0")]
    [InlineData(0x12000073u, "sfence.vma zero, zero")]
    [InlineData(0x10500073u, "wfi")]
    [InlineData(0x0000100Fu, "fence.i")]
    [InlineData(0x20B56533u, "sh3add a0, a0, a1")]
    [InlineData(0x08B5053Bu, "add.uw a0, a0, a1")]
    [InlineData(0x60051513u, "clz a0, a0")]
    [InlineData(0x60451513u, "sext.b a0, a0")]
    [InlineData(0x6B855513u, "rev8 a0, a0")]
    [InlineData(0x8082u, "jalr zero, 0(ra)")]
    [InlineData(0x1141u, "addi sp, sp, -16")]
    [InlineData(0x0000u, ".word 0x0")]
    public void Text_OfAnEncoding_IsTheManuals(uint encoding, string text) =>
        Disassembler.Text(Decoder.Decode(encoding), 0x1000).ShouldBe(text);

    [Fact]
    public void Mnemonics_AreDifferentOfEveryInstruction()
    {
        Op[] all = [.. InstructionTable.Entries().Select(entry => entry.Op)];
        all.Select(Disassembler.Mnemonic).Distinct().Count().ShouldBe(all.Distinct().Count());
    }
}
