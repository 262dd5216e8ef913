using System.Diagnostics;
using System.Security.Cryptography;
using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;

namespace Cloud.Compute.Tests.Hosts;

/// <summary>qcow2 files as the content of volumes. No guest runs.</summary>
public sealed class VolumeImportTests : IAsyncLifetime
{
    private const int SizeBytes = 4 << 20;

    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-import-").FullName;
    private readonly VolumeStoreUnderTest _host = new();

    private IVolumeStore Store => _host.Store;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await _host.StartAsync();
        await Store.CreateVolumeAsync(new VolumeSpec { Id = "vol-a", SizeBytes = SizeBytes, Format = "qcow2" }, Ct);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("cluster_size=64k")]
    [InlineData("cluster_size=4k,compat=0.10")]
    [InlineData("extended_l2=on,cluster_size=128k")]
    public async Task File_InParts_IsCheckedAndBecomesTheContent_AlsoWhereTheVolumeHeldSomethingElse(string options)
    {
        var bytes = new byte[SizeBytes];
        RandomNumberGenerator.Fill(bytes.AsSpan(1 << 20, 100_000));
        await Store.WriteContentAsync("vol-a", 0, new MemoryStream(RandomNumberGenerator.GetBytes(SizeBytes)), Ct);
        var file = await File.ReadAllBytesAsync(await MakeAsync(bytes, options), Ct);

        var half = file.Length / 2;
        await Store.StageAsync("vol-a", 0, new MemoryStream(file, 0, half), Ct);
        (await CodeOf(() => Store.ImportAsync("vol-a", file.Length, 0, Ct))).ShouldBe("content-incomplete");
        (await CodeOf(() => Store.StageAsync("vol-a", half + 1, new MemoryStream(file, half, 1), Ct))).ShouldBe("content-incomplete");
        await _host.RestartAsync();
        await Store.StageAsync("vol-a", half - 5, new MemoryStream(file, half - 5, file.Length - half + 5), Ct);
        (await Store.ImportAsync("vol-a", file.Length, 0, Ct)).ShouldBeNull();

        await using var content = await Store.ReadContentAsync("vol-a", 0, SizeBytes, Ct);
        var read = new byte[SizeBytes];
        await content.ReadExactlyAsync(read, Ct);
        read.AsSpan().SequenceEqual(bytes).ShouldBeTrue();
        Directory.GetFiles(Path.Combine(_host.Files, "..", "incoming")).ShouldBeEmpty();
    }

    [Fact]
    public async Task File_ThatIsHostile_IsRefusedBeforeAnythingIsReadThroughIt()
    {
        var good = await File.ReadAllBytesAsync(await MakeAsync(new byte[SizeBytes], "cluster_size=64k"), Ct);
        var backing = Path.Combine(_folder, "backing.qcow2");
        await RunAsync("create", "-q", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F", "raw", backing, $"{SizeBytes}");
        var large = Path.Combine(_folder, "large.qcow2");
        await RunAsync("create", "-q", "-f", "qcow2", large, $"{2 * SizeBytes}");
        foreach (var (name, file) in new[]
        {
            ("backing", await File.ReadAllBytesAsync(backing, Ct)),
            ("larger than the volume", await File.ReadAllBytesAsync(large, Ct)),
            ("data elsewhere", Changed(good, 79, 4)),
            ("encrypted", Changed(good, 35, 2)),
            ("size", Changed(good, 24, 0x7f)),
            ("table past the end", Changed(good, 41, 0x7f)),
            ("no qcow2", new byte[100_000]),
            ("cut short", good[..65_536]),
        })
        {
            await Store.StageAsync("vol-a", 0, new MemoryStream(file), Ct);
            var refused = await Should.ThrowAsync<CloudException>(() => Store.ImportAsync("vol-a", file.Length, 0, Ct), name);
            refused.Kind.ShouldBeOneOf([ErrorKind.Unprocessable, ErrorKind.Invalid], name);
        }

        var endless = () => Store.StageAsync("vol-a", 0, new MemoryStream(new byte[32 << 20]), Ct);
        (await Should.ThrowAsync<CloudException>(endless)).Kind.ShouldBe(ErrorKind.Invalid);
    }

    private static byte[] Changed(byte[] file, int at, byte value)
    {
        var changed = (byte[])file.Clone();
        changed[at] = value;
        return changed;
    }

    private static async Task<string> CodeOf(Func<Task> act) => (await Should.ThrowAsync<CloudException>(act)).Code;

    private async Task<string> MakeAsync(byte[] disk, string options)
    {
        var (raw, qcow2) = (Path.Combine(_folder, "disk.raw"), Path.Combine(_folder, "disk.qcow2"));
        await File.WriteAllBytesAsync(raw, disk, Ct);
        await RunAsync("convert", "-q", "-f", "raw", "-O", "qcow2", "-o", options, raw, qcow2);
        return qcow2;
    }

    private static async Task RunAsync(params string[] arguments)
    {
        using var program = Process.Start("qemu-img", arguments);
        await program.WaitForExitAsync(Ct);
        program.ExitCode.ShouldBe(0);
    }
}
