using System.Diagnostics;
using System.Text.Json;

namespace Cloud.Vmm.Tests.Contract;

/// <summary>What a driver must do besides where the board's disks come and go while the machine runs.</summary>
public abstract class VmDiskContract : VmDriverContract
{
    /// <summary>The small guest heeds no request to let go of a disk: it goes by a reset.</summary>
    private static readonly TimeSpan NoPatience = TimeSpan.FromMilliseconds(300);

    [Fact]
    public async Task Disk_PluggedIntoARunningMachine_IsThereOnce_UntilItIsTakenAway()
    {
        var spec = Spec();
        await using var machine = await StartAsync(spec);
        var disk = await MakeDiskAsync(spec, "one");
        await machine.PlugDiskAsync(disk, CancellationToken.None);
        await machine.PlugDiskAsync(disk, CancellationToken.None);
        (await SerialsAsync(machine)).ShouldBe(["one"]);
        IsLocked(disk.Path).ShouldBeTrue();

        (await machine.UnplugDiskAsync("one", NoPatience, force: false, CancellationToken.None)).ShouldBeFalse();
        (await SerialsAsync(machine)).ShouldBe(["one"]);
        (await machine.UnplugDiskAsync("one", NoPatience, force: true, CancellationToken.None)).ShouldBeTrue();
        (await SerialsAsync(machine)).ShouldBeEmpty();
        IsLocked(disk.Path).ShouldBeFalse();
        (await machine.UnplugDiskAsync("one", NoPatience, force: false, CancellationToken.None)).ShouldBeTrue();

        await machine.PlugDiskAsync(disk, CancellationToken.None);
        (await SerialsAsync(machine)).ShouldBe(["one"]);
    }

    [Fact]
    public async Task Disk_OfTheStart_IsTakenAwayAsOneThatWasPlugged()
    {
        var spec = Spec();
        var disk = await MakeDiskAsync(spec, "one");
        await using var machine = await StartAsync(spec with { Disks = [disk] });
        (await machine.UnplugDiskAsync("one", NoPatience, force: true, CancellationToken.None)).ShouldBeTrue();
        IsLocked(disk.Path).ShouldBeFalse();
    }

    [Fact]
    public async Task Disk_OfARunningMachine_GrowsAndIsLaidOver()
    {
        var spec = Spec();
        var disk = await MakeDiskAsync(spec, "one") with { Limits = new VmDiskLimits(1000, 10 << 20) };
        await using (var machine = await StartAsync(spec))
        {
            await machine.PlugDiskAsync(disk, CancellationToken.None);
            await machine.GrowDiskAsync("one", 32 << 20, CancellationToken.None);
            (await SizeAsync(disk.Path)).ShouldBe(32 << 20);

            var overlay = Path.Combine(spec.Folder, "overlay");
            await QemuImgAsync("create", "-q", "-f", "qcow2", overlay, $"{32 << 20}");
            await Should.ThrowAsync<VmException>(() => machine.LayDisksOverAsync(
                Over(("one", overlay), ("none", overlay)), CancellationToken.None));
            (await machine.HasDiskLayerAsync("one", overlay, CancellationToken.None)).ShouldBeFalse();
            await machine.LayDisksOverAsync(Over(("one", overlay)), CancellationToken.None);
            (await machine.HasDiskLayerAsync("one", overlay, CancellationToken.None)).ShouldBeTrue();
            (await machine.HasDiskLayerAsync("one", disk.Path, CancellationToken.None)).ShouldBeTrue();
            (await machine.HasDiskLayerAsync("none", overlay, CancellationToken.None)).ShouldBeFalse();
            IsLocked(overlay).ShouldBeTrue();
            await machine.GrowDiskAsync("one", 48 << 20, CancellationToken.None);
            (await SizeAsync(overlay)).ShouldBe(48 << 20);
            (await SizeAsync(disk.Path)).ShouldBe(32 << 20);
        }

        // By an agent that was not there when it was made.
        await using var adopted = await AdoptAsync(spec);
        (await adopted.HasDiskLayerAsync("one", Path.Combine(spec.Folder, "overlay"), CancellationToken.None)).ShouldBeTrue();
        (await adopted.UnplugDiskAsync("one", NoPatience, force: true, CancellationToken.None)).ShouldBeTrue();
        IsLocked(disk.Path).ShouldBeFalse();
        await adopted.KillAsync(CancellationToken.None);
    }

    /// <summary>For who can have a running machine read one file instead of several.</summary>
    protected async Task AssertMergedAsync()
    {
        var spec = Spec();
        var disk = await MakeDiskAsync(spec, "one") with { Limits = new VmDiskLimits(1000, null) };
        var files = Enumerable.Range(0, 70).Select(number => Path.Combine(spec.Folder, $"over-{number}")).ToList();
        var merged = Path.Combine(spec.Folder, "merged");
        foreach (var file in files.Append(merged))
        {
            await QemuImgAsync("create", "-q", "-f", "qcow2", file, $"{16 << 20}");
        }

        await using var machine = await StartAsync(spec with { Disks = [disk] });
        foreach (var file in files)
        {
            await machine.LayDisksOverAsync(Over(("one", file)), CancellationToken.None);
        }

        var old = files.Take(69).Reverse().ToList();
        (await machine.ReplaceDiskLayersAsync("one", [files[^1], .. old], Layer(merged), CancellationToken.None)).ShouldBeFalse();
        (await machine.ReplaceDiskLayersAsync("one", old, Layer(merged), CancellationToken.None)).ShouldBeTrue();
        foreach (var (file, isOpen) in files.Select((file, at) => (file, at == 69)).Append((merged, true)).Append((disk.Path, true)))
        {
            (await machine.HasDiskLayerAsync("one", file, CancellationToken.None)).ShouldBe(isOpen, file);
            OpenFiles(machine.ProcessId).Contains(file).ShouldBe(isOpen, file);
        }

        (await machine.ReplaceDiskLayersAsync("one", old, Layer(merged), CancellationToken.None)).ShouldBeFalse();
        (await machine.UnplugDiskAsync("one", NoPatience, force: true, CancellationToken.None)).ShouldBeTrue();
        OpenFiles(machine.ProcessId).ShouldNotContain(merged);
    }

    [Fact]
    public async Task Disk_ThatIsNone_IsNotPlugged_AndLeavesNothing()
    {
        var spec = Spec();
        await using var machine = await StartAsync(spec);
        var disk = await MakeDiskAsync(spec, "one");
        await File.WriteAllTextAsync(disk.Path, new string('x', 4096));
        await Should.ThrowAsync<VmException>(() => machine.PlugDiskAsync(disk, CancellationToken.None));
        File.Delete(disk.Path);
        await machine.PlugDiskAsync(await MakeDiskAsync(spec, "one"), CancellationToken.None);
        (await SerialsAsync(machine)).ShouldBe(["one"]);
    }

    [Fact]
    public async Task Disk_OfASavedMachine_IsLaidOver_AndIsInItsPlaceAgain()
    {
        var spec = Spec();
        var (gone, disk) = (await MakeDiskAsync(spec, "gone"), await MakeDiskAsync(spec, "one"));
        await using var machine = await StartAsync(spec with { Disks = [gone] });
        await machine.PlugDiskAsync(disk, CancellationToken.None);
        (await machine.UnplugDiskAsync("gone", NoPatience, force: true, CancellationToken.None)).ShouldBeTrue();
        var overlay = Path.Combine(spec.Folder, "overlay");
        await QemuImgAsync("create", "-q", "-f", "qcow2", overlay, $"{16 << 20}");
        var path = Path.Combine(spec.Folder, "state");
        await Should.ThrowAsync<VmException>(() => machine.SaveAsync(
            path, Over(("none", overlay)), goOn: true, CancellationToken.None));
        File.Exists(path).ShouldBeFalse();
        machine.State.ShouldBe(VmState.Running);

        var state = await machine.SaveAsync(path, Over(("one", overlay)), goOn: true, CancellationToken.None);
        (await machine.HasDiskLayerAsync("one", overlay, CancellationToken.None)).ShouldBeTrue();
        IsLocked(overlay).ShouldBeTrue();
        await machine.KillAsync(CancellationToken.None);

        var top = Path.Combine(spec.Folder, "top");
        await QemuImgAsync("create", "-q", "-f", "qcow2", top, $"{16 << 20}");
        var over = disk with { Path = top, Backing = [new VmDiskLayer(disk.Path, VmDiskFormat.Qcow2)] };
        await using var again = await Driver.StartAsync(Spec() with { Disks = [over], From = state }, CancellationToken.None);
        (await SerialsAsync(again)).ShouldBe(["one"]);
        await using var console = await TestTerminal.OpenAsync(again);
        await console.ExchangeAsync('a');
    }

    private static async Task<IReadOnlyList<string>> SerialsAsync(IVirtualMachine machine) =>
        (await machine.ReadMetricsAsync(CancellationToken.None)).Disks.Select(disk => disk.Serial).ToList();

    private static async Task<long> SizeAsync(string path)
    {
        using var info = JsonDocument.Parse(await QemuImgAsync("info", "-U", "--output=json", path));
        return info.RootElement.GetProperty("virtual-size").GetInt64();
    }

    private static VmDiskLayer Layer(string path) => new(path, VmDiskFormat.Qcow2);

    private static Dictionary<string, VmDiskLayer> Over(params ReadOnlySpan<(string Serial, string Path)> files)
    {
        var overlays = new Dictionary<string, VmDiskLayer>();
        foreach (var (serial, path) in files)
        {
            overlays[serial] = Layer(path);
        }

        return overlays;
    }

    private static HashSet<string?> OpenFiles(int process) =>
        Directory.EnumerateFiles($"/proc/{process}/fd").Select(path => new FileInfo(path).LinkTarget).ToHashSet(StringComparer.Ordinal);

    /// <summary>Whether a QEMU has the file open to write.</summary>
    private static bool IsLocked(string path)
    {
        using var check = Process.Start(new ProcessStartInfo("qemu-img", ["resize", "-q", path, "+0"]) { RedirectStandardError = true })!;
        check.StandardError.ReadToEnd();
        check.WaitForExit();
        return check.ExitCode != 0;
    }
}
