using System.Buffers.Binary;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Cloud.Compute.Host;
using Cloud.Compute.Host.Containers;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Disks;
using Cloud.Compute.Host.Guests;
using Cloud.Compute.Host.Network;
using Cloud.Compute.Host.Snapshots;
using Cloud.Compute.Host.Volumes;
using Cloud.Primitives;
using Cloud.Testing.Disks;
using Cloud.Vmm;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Cloud.Compute.Tests.Hosts;

/// <summary>The volumes of a host, as files that qemu-io writes and reads by their whole chain. No guest runs.</summary>
public sealed class VolumeStoreTests : IAsyncLifetime
{
    private const long SizeBytes = 8 << 20;

    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-volumes-").FullName;
    private readonly List<IDisposable> _made = [];
    private VolumeFiles _files = null!;
    private GuestNetwork _network = null!;
    private HostAgent _agent = null!;
    private VolumeStore _store = null!;

    public ValueTask InitializeAsync() => StartAsync();

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await VolumeStoreUnderTest.RequireWholeAsync(_files);
        _made.ForEach(one => one.Dispose());
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("qcow2")]
    [InlineData("raw")]
    public async Task Snapshot_KeepsWhatTheVolumeHeld_AndIsRestored(string format)
    {
        await CreateAsync("vol-a", format);
        await WriteAsync("vol-a", 1);
        await SnapshotAsync(("vol-a", "snap-1"));
        await WriteAsync("vol-a", 2);
        await SnapshotAsync(("vol-a", "snap-2"));
        await WriteAsync("vol-a", 3);

        await CreateAsync("vol-b", snapshot: "snap-1");
        (await ReadAsync("vol-b")).ShouldBe(1);
        await WriteAsync("vol-b", 4);
        (await ReadAsync("vol-a")).ShouldBe(3);

        await _store.RestoreVolumeAsync("vol-a", "snap-2", Ct);
        (await ReadAsync("vol-a")).ShouldBe(2);
        await _store.RestoreVolumeAsync("vol-a", "snap-1", Ct);
        (await ReadAsync("vol-a")).ShouldBe(1);
        (await ReadAsync("vol-b")).ShouldBe(4);
    }

    [Fact]
    public async Task Snapshot_InTheMiddle_IsDeletedAndHarmsNothing()
    {
        await CreateAsync("vol-a");
        for (var i = 1; i <= 3; i++)
        {
            await WriteAsync("vol-a", i, at: i);
            await SnapshotAsync(("vol-a", $"snap-{i}"));
        }

        await _store.DeleteSnapshotAsync("snap-2", Ct);
        await _store.DeleteSnapshotAsync("snap-2", Ct);
        (await _store.ListSnapshotsAsync(Ct)).Select(one => one.Id).Order().ShouldBe(["snap-1", "snap-3"]);
        for (var i = 1; i <= 3; i++)
        {
            (await ReadAsync("vol-a", at: i)).ShouldBe(i);
        }

        await _store.DeleteVolumeAsync("vol-a", Ct);
        await CreateAsync("vol-b", snapshot: "snap-3");
        (await ReadAsync("vol-b", at: 2)).ShouldBe(2);
    }

    [Fact]
    public async Task Clone_OfAVolume_IsItsOwnFromThen_AndTakesNoSpace()
    {
        await CreateAsync("vol-a");
        await WriteAsync("vol-a", 1);
        var clone = await CreateAsync("vol-b", volume: "vol-a");
        clone.StoredBytes.ShouldBeLessThan(1 << 20);
        await WriteAsync("vol-a", 2);
        await WriteAsync("vol-b", 3, at: 1);
        (await ReadAsync("vol-b")).ShouldBe(1);
        (await ReadAsync("vol-a")).ShouldBe(2);
        (await ReadAsync("vol-a", at: 1)).ShouldBe(0);
        (await _store.ListSnapshotsAsync(Ct)).ShouldBeEmpty();
        await _store.DeleteVolumeAsync("vol-a", Ct);
        (await ReadAsync("vol-b")).ShouldBe(1);
    }

    [Fact]
    public async Task Everything_IsFoundAgain_AndWhatACrashLeftIsSwept()
    {
        await CreateAsync("vol-a");
        await WriteAsync("vol-a", 1);
        await SnapshotAsync(("vol-a", "snap-1"));
        await File.WriteAllTextAsync(Path.Combine(_folder, "volumes", "files", "half.qcow2"), "half");

        // Died when the file to lay over was made and nothing else.
        var next = await _files.CreateOverlayAsync(SizeBytes, null, Ct);
        _files.Put(_files.FindVolume("vol-a")! with { Next = next });

        await StopAsync();
        await StartAsync();
        (await ReadAsync("vol-a")).ShouldBe(1);
        (await _store.FindVolumeAsync("vol-a", Ct)).ShouldNotBeNull().Layers.ShouldBe(3);
        Files().ShouldBe(3);

        await _store.DeleteVolumeAsync("vol-a", Ct);
        await _store.DeleteVolumeAsync("vol-a", Ct);
        await _store.DeleteSnapshotAsync("snap-1", Ct);
        Files().ShouldBe(0);
    }

    [Fact]
    public async Task Server_ThatAKilledAgentNeverCameTo_IsEnded()
    {
        var file = Path.Combine(_folder, "left");
        await File.WriteAllBytesAsync(file, new byte[1 << 20]);
        var socket = Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "cloud-nbd-left")).FullName, "s");
        using var left = Process.Start("qemu-nbd", ["--read-only", "--format=raw", $"--socket={socket}", file]);
        while (!File.Exists(socket))
        {
            left.HasExited.ShouldBeFalse();
            await Task.Delay(10);
        }

        await StopAsync();
        await StartAsync();
        await left.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Snapshot_AfterOneWhoseEndWasNotHeard_KeepsWhatWasWrittenToItsFile()
    {
        await CreateAsync("vol-a");
        await WriteAsync("vol-a", 1);
        var next = await _files.CreateOverlayAsync(SizeBytes, null, Ct);
        var record = _files.FindVolume("vol-a")!;
        _files.Put(record.Under(next));
        await WriteAsync("vol-a", 2);
        _files.Put(record with { Next = next });

        await SnapshotAsync(("vol-a", "snap-1"));
        await WriteAsync("vol-a", 3);
        (await ReadAsync("vol-a")).ShouldBe(3);
        await _store.RestoreVolumeAsync("vol-a", "snap-1", Ct);
        (await ReadAsync("vol-a")).ShouldBe(2);
    }

    [Fact]
    public async Task Volume_Grows_AndNeverShrinks()
    {
        await CreateAsync("vol-a");
        await WriteAsync("vol-a", 1);
        (await _store.ResizeVolumeAsync("vol-a", 2 * SizeBytes, Ct)).SizeBytes.ShouldBe(2 * SizeBytes);
        await WriteAsync("vol-a", 2, at: (int)(SizeBytes >> 16));
        (await ReadAsync("vol-a")).ShouldBe(1);
        (await Should.ThrowAsync<CloudException>(() => _store.ResizeVolumeAsync("vol-a", SizeBytes, Ct)))
            .Errors!.Keys.ShouldBe(["sizeBytes"]);
    }

    [Fact]
    public async Task Volume_OfAnImage_StartsAsItsDisk_AndStaysWhenTheImageGoes()
    {
        var image = Path.Combine(_folder, "image.qcow2");
        Qcow2File.Create(image, 4 << 20);
        await QemuIoAsync($"write -P 7 0 64k", image);
        var files = new GuestImage
        {
            Id = "img-1",
            Architecture = "x86_64",
            Folder = _folder,
            Disk = "image.qcow2",
            DiskFormat = "qcow2",
        };
        await _store.CreateVolumeAsync(new VolumeSpec { Id = "vol-a", SizeBytes = SizeBytes, Format = "qcow2", Image = files }, Ct);
        File.Delete(image);
        (await ReadAsync("vol-a")).ShouldBe(7);
        await StopAsync();
        await StartAsync();
        (await ReadAsync("vol-a")).ShouldBe(7);
    }

    [Fact]
    public async Task Volume_ThatAGuestHas_IsNeitherDeletedNorRestoredNorGivenToAnother()
    {
        await CreateAsync("vol-a");
        await SnapshotAsync(("vol-a", "snap-1"));
        await DefineAsync("i-1");
        await DefineAsync("i-2");
        var volume = new GuestVolume("vol-a", false, null, null);
        await _agent.AttachVolumeAsync("i-1", volume, Ct);
        await _agent.AttachVolumeAsync("i-1", volume, Ct);
        (await Codes(() => _agent.AttachVolumeAsync("i-2", volume, Ct))).ShouldBe(HostErrors.VolumeInUse);
        (await Codes(() => _store.DeleteVolumeAsync("vol-a", Ct))).ShouldBe(HostErrors.VolumeInUse);
        (await Codes(() => _store.RestoreVolumeAsync("vol-a", "snap-1", Ct))).ShouldBe(HostErrors.VolumeInUse);
        (await _store.FindVolumeAsync("vol-a", Ct))!.Guest.ShouldBe("i-1");

        await _agent.DetachVolumeAsync("i-1", "vol-a", false, Ct);
        await _agent.DetachVolumeAsync("i-1", "vol-a", false, Ct);
        await _agent.AttachVolumeAsync("i-2", volume, Ct);
        (await _store.FindVolumeAsync("vol-a", Ct))!.Guest.ShouldBe("i-2");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task File_ThatIsDamagedOrHasLostAPart_IsFoundByTheCheck(bool isLost)
    {
        const int RefcountTableOffset = 48, Cluster = 1 << 16;
        await CreateAsync("vol-a");
        await WriteAsync("vol-a", 1);
        var path = _files.PathOf(_files.FindVolume("vol-a")!.Layers[0]);
        await DiskChecks.RequireWholeAsync(path);
        var whole = await File.ReadAllBytesAsync(path, Ct);

        // How often each cluster is pointed to, in 16 bits: never what is, or once what nothing points to.
        var table = (int)BinaryPrimitives.ReadInt64BigEndian(whole.AsSpan(RefcountTableOffset));
        var counts = (int)BinaryPrimitives.ReadInt64BigEndian(whole.AsSpan(table));
        byte[] damaged = [.. whole, .. new byte[Cluster]];
        var (cluster, count) = isLost ? (whole.Length / Cluster, 1) : (0, 0);
        BinaryPrimitives.WriteInt16BigEndian(damaged.AsSpan(counts + (cluster * sizeof(short))), (short)count);
        await File.WriteAllBytesAsync(path, damaged, Ct);

        (await Record.ExceptionAsync(() => DiskChecks.RequireWholeAsync(path))).ShouldBeOfType<ShouldAssertException>();
        await File.WriteAllBytesAsync(path, whole, Ct);
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static async Task<string> Codes(Func<Task> act) => (await Should.ThrowAsync<CloudException>(act)).Code;

    private async Task StopAsync()
    {
        await _agent.DisposeAsync();
        await _network.StopAsync(CancellationToken.None);
        await _network.DisposeAsync();
    }

    private async ValueTask StartAsync()
    {
        // The switch's user passes through.
        File.SetUnixFileMode(_folder, (UnixFileMode)0b111_001_001);
        var options = Options.Create(new HostOptions { Folder = _folder, VolumeKeyFile = Path.Combine(_folder, "volumes.key") });
        _files = new VolumeFiles(options);
        _network = new GuestNetwork(options, TimeProvider.System, NullLogger<GuestNetwork>.Instance);
        _agent = new HostAgent(
            options, new NoDriver(), new NoDisks(), new ContainerImages(options), _files, new SnapshotFiles(options), _network,
            TimeProvider.System, NullLogger<HostAgent>.Instance);
        _store = new VolumeStore(_files, _agent, TimeProvider.System);
        _made.Add(_files);
        await _agent.AdoptAllAsync(Ct);
    }

    private Task<GuestReport> DefineAsync(string id) => _agent.DefineAsync(
        new GuestSpec
        {
            Id = id,
            Project = id,
            ProjectName = "p",
            HostName = id,
            Engine = "emulation",
            Vcpus = 1,
            MemoryBytes = 1,
            RootDiskBytes = 1,
            Image = new GuestImage { Id = "img-1", Architecture = "x86_64", Folder = _folder, Disk = "none", DiskFormat = "qcow2" },
            MacAddress = "02:00:00:00:00:01",
            Address = "10.80.0.16",
        },
        Ct);

    private Task<StoredVolume> CreateAsync(string id, string format = "qcow2", string? snapshot = null, string? volume = null) =>
        _store.CreateVolumeAsync(
            new VolumeSpec { Id = id, SizeBytes = SizeBytes, Format = format, Snapshot = snapshot, Volume = volume }, Ct);

    private Task<IReadOnlyList<StoredSnapshot>> SnapshotAsync(params (string Volume, string Snapshot)[] wanted) =>
        _store.SnapshotVolumesAsync(wanted.ToDictionary(one => one.Volume, one => one.Snapshot), Ct);

    private int Files() => Directory.GetFiles(Path.Combine(_folder, "volumes", "files")).Length;

    /// <summary>Fills one of the volume's blocks of 64 KiB with a byte.</summary>
    private Task<string> WriteAsync(string volume, int value, int at = 0) => QemuIoAsync($"write -P {value} {at * 64}k 64k", Chain(volume));

    /// <summary>The byte that fills one of its blocks.</summary>
    private async Task<int> ReadAsync(string volume, int at = 0)
    {
        for (var value = 0; value < 10; value++)
        {
            if (!(await QemuIoAsync($"read -P {value} {at * 64}k 64k", Chain(volume))).Contains("Pattern verification failed"))
            {
                return value;
            }
        }

        return -1;
    }

    /// <summary>As a machine opens it: every layer named.</summary>
    private string Chain(string volume)
    {
        var disk = _files.DiskOf(new GuestVolume(volume, false, null, null));
        JsonObject? below = null;
        foreach (var layer in disk.Backing.Reverse().Append(new VmDiskLayer(disk.Path, disk.Format)))
        {
            var node = new JsonObject
            {
                ["driver"] = layer.Format == VmDiskFormat.Raw ? "raw" : "qcow2",
                ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = layer.Path },
            };
            if (layer.Format == VmDiskFormat.Qcow2)
            {
                node["backing"] = below;
            }

            below = node;
        }

        return $"json:{below!.ToJsonString()}";
    }

    private static async Task<string> QemuIoAsync(string command, string image)
    {
        using var tool = Process.Start(new ProcessStartInfo("qemu-io", ["-c", command, image])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var said = await tool.StandardOutput.ReadToEndAsync(Ct) + await tool.StandardError.ReadToEndAsync(Ct);
        await tool.WaitForExitAsync(Ct);
        said.ShouldContain("64 KiB, 1 ops");
        return said;
    }
}
