using System.Diagnostics;
using System.Text.Json.Nodes;
using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Tests.Runner;

/// <summary>Windows into a running machine: Debian's gdb-multiarch, the trace of instructions, QMP's view of the harts.</summary>
public sealed class DebuggerTests : IAsyncDisposable
{
    private readonly RunnerProcess _vmm = new();

    public ValueTask DisposeAsync() => _vmm.DisposeAsync();

    /// <summary>Counts in s1 by a function, for ever; the second hart waits.</summary>
    private static byte[] Program() => new Asm()
        .Branch(Op.Bne, 10, 0, "park").Li(9, 0)
        .Label("loop").Jump(1, "increment").Jump(0, "loop")
        .Label("increment").I(Op.Addi, 9, 9, 1).I(Op.Jalr, 0, 1, 0)
        .Label("park").Word(0x10500073).Jump(0, "park").Build();

    [Fact]
    public async Task Gdb_Attaches_Breaks_Steps_ReadsAndWrites()
    {
        string program = _vmm.Write("program", Program());
        _vmm.Start("-bios", "none", "-kernel", program, "-m", "32M", "-smp", "2", "-gdb", $"unix:{_vmm.At("gdb")}");
        await _vmm.WaitForAsync("gdb");
        string said = await GdbAsync(
            $"target remote {_vmm.At("gdb")}", "info threads", "break *0x80000010", "continue", "print $pc",
            "set var $s1 = 1000", "stepi", "print $s1", "stepi", "print $pc", "x/1wx 0x80000010", "set var *(int*)0x81000000 = 77",
            "print *(int*)0x81000000", "continue", "print $s1", "delete", "print $priv", "print $mhartid", "detach");
        said.ShouldContain("hart 1, Machine mode");
        said.ShouldContain("Breakpoint 1, 0x0000000080000010");
        said.ShouldContain("$2 = 1001");
        said.ShouldContain("0x80000010:\t0x00148493");
        said.ShouldContain(" = 77");
        said.ShouldContain("= 1001");
        said.ShouldContain("detached]", Case.Sensitive, said);
    }

    [Fact]
    public async Task Harts_AreShown_AndWhatTookThemOutIsCounted()
    {
        string program = _vmm.Write("program", Program());
        _vmm.Start("-bios", "none", "-kernel", program, "-m", "32M", "-smp", "2", "-qmp", $"unix:{_vmm.At("qmp")}");
        await using QmpTestClient qmp = await _vmm.ConnectAsync("qmp");
        JsonArray harts = [];
        for (var limit = Stopwatch.StartNew(); limit.Elapsed < TimeSpan.FromSeconds(20);)
        {
            harts = (await qmp.CallAsync("x-query-harts", new JsonObject { ["address"] = "0x80000010" })).AsArray();
            if (harts[0]!["registers"]!["s1"]!.GetValue<string>() != "0x0" && harts[1]!["waiting"]!.GetValue<bool>())
            {
                break;
            }
        }

        harts.Count.ShouldBe(2);
        harts[0]!["mode"]!.GetValue<string>().ShouldBe("machine");
        harts[0]!["pc"]!.GetValue<string>().ShouldStartWith("0x8000000");
        harts[0]!["instruction"]!.GetValue<string>().ShouldNotBeEmpty();
        harts[0]!["registers"]!["s1"]!.GetValue<string>().ShouldNotBe("0x0");
        harts[0]!["walk"]!["physical"]!.GetValue<string>().ShouldBe("0x80000010");
        harts[1]!["waiting"]!.GetValue<bool>().ShouldBeTrue();
        string counted = (await qmp.CallAsync("query-stats", new JsonObject { ["target"] = "vcpu" })).ToJsonString();
        counted.ShouldContain("wait for interrupt");
        counted.ShouldContain("code page");
        await Should.ThrowAsync<InvalidOperationException>(() => qmp.CallAsync("x-query-harts", new JsonObject { ["address"] = "here" }));
    }

    [Fact]
    public async Task Trace_HasEachInstruction_AndEndsWhereItShall()
    {
        string program = _vmm.Write("program", Program());
        _vmm.Start(
            "-bios", "none", "-kernel", program, "-m", "32M", "-qmp", $"unix:{_vmm.At("qmp")}", "-trace", $"{_vmm.At("trace")},count=40");
        await using QmpTestClient qmp = await _vmm.ConnectAsync("qmp");
        string[] lines = [];
        for (var limit = Stopwatch.StartNew(); lines.Length < 40 && limit.Elapsed < TimeSpan.FromSeconds(20);)
        {
            await Task.Delay(50, TestContext.Current.CancellationToken);
            lines = File.Exists(_vmm.At("trace"))
                ? await File.ReadAllLinesAsync(_vmm.At("trace"), TestContext.Current.CancellationToken)
                : [];
        }

        lines.Length.ShouldBe(40);
        lines.ShouldContain("0 M 0x0000000080000010 00148493 addi s1, s1, 1");
        lines.ShouldAllBe(line => line.StartsWith("0 M 0x", StringComparison.Ordinal));
    }

    private static async Task<string> GdbAsync(params string[] commands)
    {
        var start = new ProcessStartInfo("gdb-multiarch") { RedirectStandardOutput = true, RedirectStandardError = true };
        IEnumerable<string> all = commands.Prepend("set architecture riscv:rv64").SelectMany(command => (string[])["-ex", command]);
        foreach (string argument in (string[])["-nx", "-batch", .. all])
        {
            start.ArgumentList.Add(argument);
        }

        using Process gdb = Process.Start(start)!;
        Task<string> errors = gdb.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        string said = await gdb.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        return said + await errors;
    }
}
