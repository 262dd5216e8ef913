using System.Text;
using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Tests.Boot;

/// <summary>Debian's OpenSBI, unmodified, on harts of both tiers.</summary>
public sealed class BootTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(4, false)]
    [InlineData(4, true)]
    public async Task Firmware_OnHartsOfTheirOwnThreads_RunsThePayloadAndPowersOff(int harts, bool translate)
    {
        (string printed, _) = await RunAsync(harts, translate, deterministic: false);
        printed.ShouldContain("OpenSBI");
        printed.ShouldContain(Payload.Line);
        printed.ShouldContain($"Platform HART Count       : {harts}");
    }

    [Fact]
    public async Task DeterministicMachine_RunTwice_TakesTheSameCourse()
    {
        (string Printed, ulong Retired) first = await RunAsync(2, translate: true, deterministic: true);
        (string Printed, ulong Retired) second = await RunAsync(2, translate: true, deterministic: true);
        second.ShouldBe(first);
    }

    [Fact]
    public async Task DeterministicMachine_OnEitherTier_TakesTheSameCourse()
    {
        (string Printed, ulong Retired) interpreted = await RunAsync(2, translate: false, deterministic: true);
        (string Printed, ulong Retired) translated = await RunAsync(2, translate: true, deterministic: true);
        translated.ShouldBe(interpreted);
    }

    [Fact]
    public void Machine_WithAnImageThatDoesNotFit_IsNotMade() =>
        Should.Throw<InvalidDataException>(() => new Machine(new MachineOptions { MemoryBytes = 4 << 20, Kernel = new byte[5 << 20] }));

    [Fact]
    public async Task Reset_BringsTheMachineBackToItsStart()
    {
        var printed = new StringBuilder();
        var ended = new SemaphoreSlim(0);
        byte[] program = new Asm().Li(5, MemoryMap.Uart).Li(6, 'r').S(Op.Sb, 6, 5, 0).Li(5, MemoryMap.TestFinisher).Li(6, 0x7777)
            .S(Op.Sw, 6, 5, 0).Label("end").Jump(0, "end").Build();
        using var machine = new Machine(new MachineOptions
        {
            MemoryBytes = 4 << 20,
            Kernel = program,
            Console = value => printed.Append((char)value),
        });
        machine.Ended = end =>
        {
            end.Kind.ShouldBe(MachineEndKind.Reset);
            ended.Release();
        };
        for (int i = 0; i < 3; i++)
        {
            machine.Start();
            (await ended.WaitAsync(Limit, TestContext.Current.CancellationToken)).ShouldBeTrue();
            machine.Reset();
        }

        printed.ToString().ShouldBe("rrr");
    }

    /// <summary>The end that the guest asked for is told on another thread, which must not meet harts that are gone.</summary>
    [Fact]
    public void Machine_DisposedWhileItsGuestPowersOff_LetsGoInOrder()
    {
        byte[] program = new Asm().Li(5, MemoryMap.TestFinisher).Li(6, 0x5555).S(Op.Sw, 6, 5, 0).Label("end").Jump(0, "end").Build();
        for (int i = 0; i < 300; i++)
        {
            using var machine = new Machine(new MachineOptions { MemoryBytes = 1 << 20, Kernel = program, Translate = i % 2 == 0 });
            machine.Start();
            SpinWait.SpinUntil(() => machine.IsEnding, Limit).ShouldBeTrue();
        }
    }

    private static async Task<(string Printed, ulong Retired)> RunAsync(int harts, bool translate, bool deterministic)
    {
        var printed = new StringBuilder();
        var ended = new TaskCompletionSource<MachineEnd>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var machine = new Machine(new MachineOptions
        {
            Harts = harts,
            MemoryBytes = 32 << 20,
            Firmware = await File.ReadAllBytesAsync(Payload.FirmwarePath, TestContext.Current.CancellationToken),
            Kernel = Payload.Build(),
            Translate = translate,
            Deterministic = deterministic,
            Console = value => printed.Append((char)value),
        });
        machine.Ended = ended.SetResult;
        machine.Start();
        (await ended.Task.WaitAsync(Limit, TestContext.Current.CancellationToken)).Kind.ShouldBe(MachineEndKind.PowerOff);
        return (printed.ToString(), machine.Harts[0].Retired);
    }
}
