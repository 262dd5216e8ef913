using System.Globalization;
using System.Text.Json.Nodes;
using Cloud.Vmm.RiscV;
using Cloud.Vmm.RiscV.Cpu;
using Cloud.Vmm.RiscV.Cpu.Csr;
using Cloud.Vmm.RiscV.Debug;
using Cloud.Vmm.Runner.Options;

namespace Cloud.Vmm.Runner.Qmp;

/// <summary>
/// What harts are at this moment, a command that QEMU does not have, and what took them out of the guest's code (qapi/stats.json). The
/// machine stands still while it is looked at.
/// </summary>
internal sealed class QmpHartCommands(Supervisor supervisor)
{
    private static readonly CsrAddress[] Shown =
    [
        CsrAddress.Mstatus, CsrAddress.Misa, CsrAddress.Medeleg, CsrAddress.Mideleg, CsrAddress.Mie, CsrAddress.Mip, CsrAddress.Mtvec,
        CsrAddress.Mscratch, CsrAddress.Mepc, CsrAddress.Mcause, CsrAddress.Mtval, CsrAddress.Mcounteren, CsrAddress.Menvcfg,
        CsrAddress.Sstatus, CsrAddress.Sie, CsrAddress.Sip, CsrAddress.Stvec, CsrAddress.Sscratch, CsrAddress.Sepc, CsrAddress.Scause,
        CsrAddress.Stval, CsrAddress.Scounteren, CsrAddress.Stimecmp, CsrAddress.Satp, CsrAddress.Fcsr, CsrAddress.Time,
        CsrAddress.Instret,
    ];

    internal void AddTo(Dictionary<string, Func<QmpCall, JsonNode>> commands)
    {
        commands["x-query-harts"] = QueryHarts;
        commands["query-stats"] = QueryStats;
    }

    private JsonArray QueryHarts(QmpCall call)
    {
        ulong? address = call.Arguments["address"] is null ? null : Address(call.Text("address"));
        return supervisor.Look(machine => new JsonArray([.. machine.Harts.Select(hart => Show(machine, hart, address))]));
    }

    private static unsafe JsonObject Show(Machine machine, Hart hart, ulong? address)
    {
        ulong pc = hart.State->Pc;
        var registers = new JsonObject();
        for (int number = 0; number < RegisterNames.Integer.Count; number++)
        {
            registers[RegisterNames.Integer[number]] = Hex(hart.State->X[number]);
        }

        for (int number = 0; number < RegisterNames.Float.Count; number++)
        {
            registers[RegisterNames.Float[number]] = Hex(hart.State->F[number]);
        }

        var csrs = new JsonObject();
        foreach (CsrAddress csr in Shown)
        {
            csrs[csr.ToString().ToLowerInvariant()] = Hex(hart.Csrs.Peek((int)csr) ?? 0);
        }

        return new JsonObject
        {
            ["id"] = hart.Id,
            ["mode"] = hart.Mode.ToString().ToLowerInvariant(),
            ["pc"] = Hex(pc),
            ["instruction"] = hart.InstructionAt(pc) is { } instruction ? Disassembler.Text(instruction, pc) : null,
            ["waiting"] = hart.Waiting,
            ["retired"] = hart.Retired,
            ["registers"] = registers,
            ["csrs"] = csrs,
            ["walk"] = address is { } at ? Show(PageWalk.Of(hart, machine.Bus, at), at) : null,
        };
    }

    private static JsonObject Show(PageWalk walk, ulong address) => new()
    {
        ["address"] = Hex(address),
        ["scheme"] = walk.Scheme,
        ["steps"] = new JsonArray([.. walk.Steps.Select(step => new JsonObject
        {
            ["level"] = step.Level,
            ["at"] = Hex(step.At),
            ["entry"] = Hex(step.Entry),
        })]),
        ["physical"] = walk.Physical is { } physical ? Hex(physical) : null,
    };

    private JsonArray QueryStats(QmpCall call) => call.Text("target") == "vcpu"
        ? new JsonArray([.. supervisor.Guest.Machine.Harts.Select(hart => new JsonObject
        {
            ["provider"] = "simulator",
            ["qom-path"] = $"/machine/soc0/harts[{hart.Id}]",
            ["stats"] = new JsonArray([.. hart.Counters.Read().Append(("instruction", (long)hart.Retired)).Select(
                counted => new JsonObject { ["name"] = counted.Item1, ["value"] = counted.Item2 })]),
        })])
        : throw new OptionException("Statistics are of target 'vcpu'.");

    private static string Hex(ulong value) => string.Create(CultureInfo.InvariantCulture, $"0x{value:x}");

    private static ulong Address(string text) =>
        text.StartsWith("0x", StringComparison.Ordinal)
        && ulong.TryParse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong address)
            ? address
            : throw new OptionException("An address is 0x and hexadecimal digits.");
}
