using Cloud.Vmm.Qemu;
using Cloud.Vmm.Tests.Contract;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cloud.Vmm.Tests.Qemu;

/// <summary>The contract, by emulation of a RISC-V board.</summary>
public sealed class QemuRiscV64EmulationTests : VmDriverContract
{
    private static readonly TimeSpan NoPatience = TimeSpan.FromMilliseconds(300);

    protected override VmEngine Engine => VmEngine.Emulation;

    protected override VmArchitecture Architecture => VmArchitecture.RiscV64;

    protected override bool HasPowerButton => false;

    protected override IVmDriver CreateDriver(string stateFolder) =>
        new QemuDriver(new QemuOptions { StateFolder = stateFolder }, TimeProvider.System, NullLoggerFactory.Instance);

    /// <summary>A slot that the guest has not switched on is empty as soon as it is asked for.</summary>
    [Fact]
    public async Task Disk_PluggedIntoARunningMachine_HasASlotOfItsOwn_AndGoesAgain()
    {
        var spec = Spec();
        await using var machine = await StartAsync(
            spec with { Disks = [await MakeDiskAsync(spec, "root"), await MakeDiskAsync(spec, "one")] });
        await machine.PlugDiskAsync(await MakeDiskAsync(spec, "two"), CancellationToken.None);
        await machine.PlugDiskAsync(await MakeDiskAsync(spec, "three"), CancellationToken.None);
        (await SerialsAsync(machine)).ShouldBe(["root", "one", "two", "three"], ignoreOrder: true);

        (await machine.UnplugDiskAsync("two", NoPatience, force: false, CancellationToken.None)).ShouldBeTrue();
        (await SerialsAsync(machine)).ShouldBe(["root", "one", "three"], ignoreOrder: true);
        await machine.PlugDiskAsync(await MakeDiskAsync(spec, "four"), CancellationToken.None);
        (await SerialsAsync(machine)).ShouldBe(["root", "one", "three", "four"], ignoreOrder: true);
    }

    [Fact]
    public async Task Disk_OfTheStart_StaysUntilTheGuestLetsGo_AlsoOverAReset()
    {
        var spec = Spec();
        await using var machine = await StartAsync(
            spec with { Disks = [await MakeDiskAsync(spec, "root"), await MakeDiskAsync(spec, "one")] });
        (await machine.UnplugDiskAsync("one", NoPatience, force: true, CancellationToken.None)).ShouldBeFalse();
        (await SerialsAsync(machine)).ShouldBe(["root", "one"], ignoreOrder: true);
    }

    [Fact]
    public async Task Disk_OfASavedMachine_IsInItsSlotAgain()
    {
        var spec = Spec();
        var (root, two) = (await MakeDiskAsync(spec, "root"), await MakeDiskAsync(spec, "two"));
        await using var machine = await StartAsync(spec with { Disks = [root] });
        await machine.PlugDiskAsync(await MakeDiskAsync(spec, "one"), CancellationToken.None);
        await machine.PlugDiskAsync(two, CancellationToken.None);
        (await machine.UnplugDiskAsync("one", NoPatience, force: false, CancellationToken.None)).ShouldBeTrue();
        var path = Path.Combine(spec.Folder, "state");
        var state = await machine.SaveAsync(path, new Dictionary<string, VmDiskLayer>(), goOn: false, CancellationToken.None);
        state.Slots["d-two"].ShouldBe("0.0@port1");
        await machine.KillAsync(CancellationToken.None);

        await using var again = await Driver.StartAsync(Spec() with { Disks = [root, two], From = state }, CancellationToken.None);
        (await SerialsAsync(again)).ShouldBe(["root", "two"], ignoreOrder: true);
    }

    private static async Task<IReadOnlyList<string>> SerialsAsync(IVirtualMachine machine) =>
        (await machine.ReadMetricsAsync(CancellationToken.None)).Disks.Select(disk => disk.Serial).ToList();
}
