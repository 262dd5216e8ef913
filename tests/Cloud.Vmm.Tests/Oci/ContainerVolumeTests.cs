using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Cloud.Vmm.Oci;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cloud.Vmm.Tests.Oci;

/// <summary>Volumes of containers that run: they grow, files are laid over them and merged, by an agent that adopted them too.</summary>
public sealed class ContainerVolumeTests : IAsyncLifetime
{
    private const long SmallBytes = 32 << 20;
    private const long LargeBytes = 256 << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly TestFolder _folder = new();
    private readonly List<OciDriver> _drivers = [];
    private string _layer = "";
    private string _files = "";

    public ValueTask InitializeAsync()
    {
        _layer = _folder.Make("layer");
        _files = _folder.Make("files");
        ContainerGuest.MakeLayer(_layer);
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        _drivers.ForEach(driver => driver.Dispose());
        await _folder.DisposeAsync();
    }

    [Theory]
    [InlineData(VmDiskFormat.Raw)]
    [InlineData(VmDiskFormat.Qcow2)]
    public async Task Volume_GrowsWithItsFileSystem_UnderAContainerThatRuns_OrSaysThatItMustStop(VmDiskFormat format)
    {
        var disk = await MakeDiskAsync("one", format);
        var machine = await AdoptAsync(await StartAsync([disk]));
        (await SizeAsync(machine)).ShouldBeLessThan(SmallBytes);
        await ShellAsync(machine, "echo kept > /one/file");
        if (ContainerVolumes.MayGrowMounted)
        {
            await machine.GrowDiskAsync("one", LargeBytes, CancellationToken.None);
        }
        else
        {
            (await Should.ThrowAsync<VmException>(() => machine.GrowDiskAsync("one", LargeBytes, CancellationToken.None)))
                .Message.ShouldContain("stop the container");
            await StopAsync(machine);
            await machine.DisposeAsync();
            await QemuImgAsync("resize", "-q", "-f", format == VmDiskFormat.Raw ? "raw" : "qcow2", disk.Path, $"{LargeBytes}");
            machine = await StartAsync([disk]);
        }

        (await SizeAsync(machine)).ShouldBeInRange(LargeBytes / 4 * 3, LargeBytes);
        (await ShellAsync(machine, "dd if=/dev/zero of=/one/much bs=1M count=100 2>/dev/null && sync && ls -l /one/much; cat /one/file"))
            .ShouldMatch($"(?s){100 << 20}.*kept");
        await machine.KillAsync(CancellationToken.None);
        await machine.DisposeAsync();
    }

    [Fact]
    public async Task Volume_ThatIsLaidOver_HoldsBelowWhatTheContainerHadWrittenDown_AndTheContainerWritesOn()
    {
        var disk = await MakeDiskAsync("one", VmDiskFormat.Qcow2);
        await using var machine = await AdoptAsync(await StartAsync([disk]));
        await ShellAsync(machine, "echo before > /one/file");
        var first = await LayOverAsync(machine, "first");
        await ShellAsync(machine, "echo after > /one/file; sync");
        (await machine.HasDiskLayerAsync("one", first.Path, CancellationToken.None)).ShouldBeTrue();
        (await machine.HasDiskLayerAsync("one", Path.Combine(_files, "other"), CancellationToken.None)).ShouldBeFalse();

        // What lies below is a file system that nobody has to repair, of that instant.
        (await ReadAsync(disk with { ReadOnly = true }, "cat /one/file")).ShouldBe("before\n");

        // A merged file takes the place of those below, and the container notices nothing.
        var second = await LayOverAsync(machine, "second");
        await ShellAsync(machine, "echo later > /one/file; sync");
        var merged = Path.Combine(_files, "merged");
        var layers = new JsonObject { ["driver"] = "qcow2", ["file"] = FileOf(first.Path), ["backing"] = LayerOf(disk.Path) };
        await QemuImgAsync("convert", "-q", "-U", "-O", "qcow2", $"json:{layers.ToJsonString()}", merged);
        (await machine.ReplaceDiskLayersAsync(
            "one", [first.Path, disk.Path], new VmDiskLayer(merged, VmDiskFormat.Qcow2), CancellationToken.None)).ShouldBeTrue();
        (await machine.HasDiskLayerAsync("one", disk.Path, CancellationToken.None)).ShouldBeFalse();
        File.Delete(disk.Path);
        File.Delete(first.Path);
        (await ShellAsync(machine, "cat /one/file")).ShouldBe("later\n");
        await StopAsync(machine);

        var whole = disk with { Path = second.Path, Backing = [new VmDiskLayer(merged, VmDiskFormat.Qcow2)] };
        (await ReadAsync(whole, "cat /one/file")).ShouldBe("later\n");
    }

    [Fact]
    public async Task Freeze_HoldsWritesUntilTheThaw_AndNoLongerThanTheAgentLives()
    {
        var disk = await MakeDiskAsync("one", VmDiskFormat.Qcow2);
        await using var machine = await StartAsync([disk]);
        (await machine.Agent.FreezeAsync(CancellationToken.None)).ShouldBeTrue();
        var writing = ShellAsync(machine, "echo x > /one/file; sync; echo written");
        await Task.Delay(TimeSpan.FromMilliseconds(700));
        writing.IsCompleted.ShouldBeFalse();
        await machine.Agent.ThawAsync(CancellationToken.None);
        (await writing.WaitAsync(Limit)).ShouldBe("written\n");

        (await machine.Agent.FreezeAsync(CancellationToken.None)).ShouldBeTrue();
        await machine.DisposeAsync();
        await using var adopted = await AdoptAsync(machine);
        (await ShellAsync(adopted, "echo y > /one/file; sync; echo written").WaitAsync(Limit)).ShouldBe("written\n");
        await adopted.KillAsync(CancellationToken.None);
    }

    [Fact]
    public async Task LayOver_OfARawVolume_IsRefusedWithWhatToDo()
    {
        await using var machine = await StartAsync([await MakeDiskAsync("one", VmDiskFormat.Raw)]);
        var refused = await Should.ThrowAsync<VmException>(() => LayOverAsync(machine, "never"));
        refused.Message.ShouldContain("stop it first, or use a qcow2 volume");
        (await ShellAsync(machine, "echo x > /one/file && cat /one/file")).ShouldBe("x\n");
        await machine.KillAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Volume_ThatIsWrittenThrough_NeedsNoFlush_AndAnotherSendsThem()
    {
        var disk = await MakeDiskAsync("one", VmDiskFormat.Raw);
        await using var machine = await StartAsync([disk with { WriteThrough = true }]);
        var mounted = await ShellAsync(machine, "grep ' /one ' /proc/mounts");
        mounted.ShouldContain("nobarrier");

        // Each write of the file system's is one of the file, which ends when it is on the disk.
        (await AttributesOfAsync(disk.Path)).ShouldContain('S');
        await ShellAsync(machine, "dd if=/dev/zero of=/one/much bs=1M count=4 conv=fsync 2>/dev/null; echo kept > /one/file; sync");
        await machine.KillAsync(CancellationToken.None);
        (await ReadAsync(disk, "cat /one/file; ls -l /one/much")).ShouldMatch($"(?s)kept\n.*{4 << 20}");

        // As any raw volume otherwise: with flushes, where nobody asked for anything else.
        await using var plain = await StartAsync([await MakeDiskAsync("one-more", VmDiskFormat.Raw) with { Serial = "one" }]);
        (await ShellAsync(plain, "grep ' /one ' /proc/mounts")).ShouldNotContain("nobarrier");
        await plain.KillAsync(CancellationToken.None);
    }

    private static async Task<string> AttributesOfAsync(string path)
    {
        using var process = Process.Start(new ProcessStartInfo("lsattr", [path]) { RedirectStandardOutput = true })!;
        var said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return said.Split(' ')[0];
    }

    [Fact]
    public async Task Storage_ThatDies_EndsTheContainer_WhichSaysSo_AndStartsAgainWithWhatWasFlushed()
    {
        var disk = await MakeDiskAsync("one", VmDiskFormat.Qcow2);
        await using var machine = await StartAsync([disk]);
        await ShellAsync(machine, "echo kept > /one/file; sync");
        var daemon = int.Parse(
            await File.ReadAllTextAsync(Path.Combine(FolderOf(machine), "storage.pid")), CultureInfo.InvariantCulture);
        Process.GetProcessById(daemon).Kill();
        var exit = await machine.Exited.WaitAsync(Limit);
        exit.Kind.ShouldBe(VmExitKind.Failed);
        exit.Reason.ShouldStartWith("What had its volumes' files open has ended");
        _folder.Processes().ShouldBeEmpty();
        (await ReadAsync(disk, "cat /one/file")).ShouldBe("kept\n");
    }

    private async Task<VmDisk> MakeDiskAsync(string serial, VmDiskFormat format)
    {
        var path = Path.Combine(_files, serial);
        await QemuImgAsync("create", "-q", "-f", format == VmDiskFormat.Raw ? "raw" : "qcow2", path, $"{SmallBytes}");
        return new VmDisk { Serial = serial, Path = path, Format = format };
    }

    private async Task<VmDiskLayer> LayOverAsync(IVirtualMachine machine, string name)
    {
        var overlay = new VmDiskLayer(Path.Combine(_files, name), VmDiskFormat.Qcow2);
        await QemuImgAsync("create", "-q", "-f", "qcow2", overlay.Path, $"{SmallBytes}");
        (await machine.Agent.FreezeAsync(CancellationToken.None)).ShouldBeTrue();
        try
        {
            await machine.LayDisksOverAsync(new Dictionary<string, VmDiskLayer> { ["one"] = overlay }, CancellationToken.None);
        }
        finally
        {
            await machine.Agent.ThawAsync(CancellationToken.None);
        }

        return overlay;
    }

    private Task<IVirtualMachine> StartAsync(IReadOnlyList<VmDisk> disks) => NewDriver().StartAsync(
        ContainerGuest.Spec(_folder, ContainerGuest.Container(_layer)) with { Disks = disks }, CancellationToken.None);

    /// <summary>As another agent finds it.</summary>
    private async Task<IVirtualMachine> AdoptAsync(IVirtualMachine machine)
    {
        await machine.DisposeAsync();
        return (await NewDriver().AdoptAsync(FolderOf(machine), CancellationToken.None)).ShouldNotBeNull();
    }

    private OciDriver NewDriver()
    {
        _drivers.Add(new OciDriver(
            new OciOptions { StateFolder = _folder.Make($"state-{Guid.NewGuid():n}") }, TimeProvider.System, NullLoggerFactory.Instance));
        return _drivers[^1];
    }

    private string FolderOf(IVirtualMachine machine) => Path.Combine(_folder.Path, machine.Id);

    private static JsonObject FileOf(string path) => new() { ["driver"] = "file", ["locking"] = "off", ["filename"] = path };

    private static JsonObject LayerOf(string path) => new() { ["driver"] = "qcow2", ["file"] = FileOf(path) };

    private static async Task StopAsync(IVirtualMachine machine)
    {
        await machine.PowerDownAsync(CancellationToken.None);
        await machine.Exited.WaitAsync(Limit);
    }

    /// <summary>What a container that has the disk says.</summary>
    private async Task<string> ReadAsync(VmDisk disk, string script)
    {
        await using var machine = await StartAsync([disk]);
        var said = await ShellAsync(machine, script);
        await machine.KillAsync(CancellationToken.None);
        return said;
    }

    private static async Task<long> SizeAsync(IVirtualMachine machine) =>
        long.Parse(await ShellAsync(machine, "df -k /one | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2"), CultureInfo.InvariantCulture) << 10;

    private static async Task<string> ShellAsync(IVirtualMachine machine, string script)
    {
        var result = await machine.Agent.ExecAsync(["/bin/sh", "-c", script], CancellationToken.None);
        return Encoding.UTF8.GetString(result.StandardOutput) + Encoding.UTF8.GetString(result.StandardError);
    }

    private static async Task QemuImgAsync(params string[] arguments)
    {
        using var process = Process.Start("qemu-img", arguments);
        await process.WaitForExitAsync();
        process.ExitCode.ShouldBe(0, string.Join(' ', arguments));
    }
}
