using Cloud.Vmm.Runner;

namespace Cloud.Vmm.RiscV.Tests.Runner;

/// <summary>What the process may still ask of the kernel once a guest runs in it.</summary>
public sealed class SandboxTests
{
    private const uint X64 = 0xC000003E;
    private const uint NotPermitted = Sandbox.Refuse | 1;
    private const uint NoSuchCall = Sandbox.Refuse | 38;
    private const uint NoSuchFamily = Sandbox.Refuse | 97;

    /// <summary>Threads of it all: a guest's hart, the pool's, the runtime's own.</summary>
    [Theory]
    [InlineData("on", "2")]
    [InlineData("on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", "2")]
    [InlineData("off", "0")]
    public async Task EveryThread_OfARunningGuest_IsUnderTheFilter(string sandbox, string mode)
    {
        await using var runner = new RunnerProcess();
        byte[] spinning = new Asm().Label("spin").Jump(0, "spin").Build();
        runner.Start(
            "-m", "32M", "-bios", "none", "-kernel", runner.Write("program", spinning), "-smp", "2", "-serial", "none",
            "-sandbox", sandbox, "-qmp", $"unix:{runner.At("qmp")}");
        await using QmpTestClient qmp = await runner.ConnectAsync("qmp");
        while ((await qmp.CallAsync("query-status"))["status"]!.GetValue<string>() != "running")
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        string[] threads = Directory.GetDirectories($"/proc/{runner.Id}/task");
        threads.Length.ShouldBeGreaterThan(3);
        foreach (string thread in threads)
        {
            string[] status = await File.ReadAllLinesAsync(Path.Combine(thread, "status"), TestContext.Current.CancellationToken);
            string name = status.First(line => line.StartsWith("Name:", StringComparison.Ordinal));
            status.ShouldContain($"Seccomp:\t{mode}", name);
            if (mode != "0")
            {
                status.ShouldContain("NoNewPrivs:\t1", name);
            }
        }
    }

    [Theory]
    [InlineData("execve", 59, 0, NotPermitted)]
    [InlineData("execveat", 322, 0, NotPermitted)]
    [InlineData("fork", 57, 0, NotPermitted)]
    [InlineData("vfork", 58, 0, NotPermitted)]
    [InlineData("ptrace", 101, 0, NotPermitted)]
    [InlineData("mount", 165, 0, NotPermitted)]
    [InlineData("setresuid", 117, 0, NotPermitted)]
    [InlineData("unshare", 272, 0, NotPermitted)]
    [InlineData("bpf", 321, 0, NotPermitted)]
    [InlineData("io_uring_setup", 425, 0, NotPermitted)]
    [InlineData("a process by clone", 56, 17, NotPermitted)]
    [InlineData("a thread by clone", 56, 0x3D0F00, Sandbox.Allow)]
    [InlineData("clone3", 435, 0, NoSuchCall)]
    [InlineData("a socket of IPv4", 41, 2, NoSuchFamily)]
    [InlineData("a netlink socket", 41, 16, NoSuchFamily)]
    [InlineData("a Unix socket", 41, 1, Sandbox.Allow)]
    [InlineData("read", 0, 0, Sandbox.Allow)]
    [InlineData("mmap", 9, 0, Sandbox.Allow)]
    [InlineData("openat", 257, 0, Sandbox.Allow)]
    [InlineData("execve by the numbers of x32", 0x40000000 | 520, 0, NotPermitted)]
    public void Filter_OfACall_Decides(string what, uint number, uint argument, uint action) =>
        Decide(X64, number, argument).ShouldBe(action, what);

    [Fact]
    public void Filter_OfACallByAnotherArchitecture_Kills() => Decide(0x40000003, 11, 0).ShouldBe(Sandbox.Kill);

    /// <summary>What the kernel makes of the filter: classic BPF over struct seccomp_data.</summary>
    private static uint Decide(uint architecture, uint number, uint argument)
    {
        Sandbox.Step[] filter = Sandbox.Build();
        uint accumulator = 0;
        for (int at = 0; ; at++)
        {
            Sandbox.Step step = filter[at];
            switch (step.Code)
            {
                case 0x20:
                    accumulator = step.Operand == 0 ? number : step.Operand == 4 ? architecture : argument;
                    break;
                case 0x06:
                    return step.Operand;
                default:
                    bool holds = step.Code switch
                    {
                        0x15 => accumulator == step.Operand,
                        0x35 => accumulator >= step.Operand,
                        0x45 => (accumulator & step.Operand) != 0,
                        _ => throw new InvalidDataException(),
                    };
                    at += holds ? step.JumpTrue : step.JumpFalse;
                    break;
            }
        }
    }
}
