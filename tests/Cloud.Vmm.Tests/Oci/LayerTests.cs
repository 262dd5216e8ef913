using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Cloud.Oci;
using Cloud.Vmm.Oci;

namespace Cloud.Vmm.Tests.Oci;

/// <summary>
/// Images from strangers: what is whole is unpacked as overlayfs wants it, what is hostile is refused before anything is written.
/// </summary>
public sealed class LayerTests : IAsyncDisposable
{
    private readonly TestFolder _folder = new();

    public ValueTask DisposeAsync() => _folder.DisposeAsync();

    public static TheoryData<string, string, string?> Hostile => new()
    {
        { "file", "../escaped", null },
        { "file", "a/../../escaped", null },
        { "link", "x", "/etc" },
        { "link", "x", "../../.." },
        { "hard", "x", "../outside" },
        { "hard", "x", "/etc/passwd" },
        { "hard", "x", "not-there" },
        { "character", "null", null },
        { "block", "disk", null },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public async Task Layer_ThatWouldLeaveItsFolder_IsRefused(string kind, string name, string? target)
    {
        var tar = Tar(writer =>
        {
            writer.WriteEntry(Entry(kind, name, target));
            if (kind == "link")
            {
                // A link alone is harmless in a container; to write through it here is not.
                writer.WriteEntry(Entry("file", $"{name}/passwd", null));
            }
        });
        await Should.ThrowAsync<OciException>(() => VerifyAsync(tar));
    }

    [Fact]
    public async Task Archive_WithAnotherByte_IsRefused()
    {
        var path = Write(Tar(writer => writer.WriteEntry(Entry("file", "a", null))), spoil: true);
        using var archive = await OciArchive.OpenAsync(path, CancellationToken.None);
        var image = await archive.ReadImageAsync("amd64", CancellationToken.None);
        (await Should.ThrowAsync<OciException>(() => archive.VerifyAsync(image, CancellationToken.None))).Message.ShouldContain("SHA-256");
    }

    [Fact]
    public async Task Archive_ThatIsNone_IsRefused()
    {
        var path = Path.Combine(_folder.Path, "none.tar");
        await File.WriteAllTextAsync(path, new string('x', 2048));
        await Should.ThrowAsync<OciException>(() => OciArchive.OpenAsync(path, CancellationToken.None));
    }

    [Fact]
    public async Task Image_ForAnotherArchitecture_IsRefused()
    {
        using var archive = await OciArchive.OpenAsync(Write(Tar(_ => { })), CancellationToken.None);
        await Should.ThrowAsync<OciException>(() => archive.ReadImageAsync("riscv64", CancellationToken.None));
    }

    [Fact]
    public async Task Layer_IsUnpackedWithOwnersModesLinksAndWhiteouts()
    {
        var path = Write(Tar(writer =>
        {
            writer.WriteEntry(new PaxTarEntry(TarEntryType.Directory, "d/") { Mode = (UnixFileMode)0b111_000_000, Uid = 7, Gid = 8 });
            writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, "d/f")
            {
                Mode = (UnixFileMode)0b110_100_000,
                Uid = 5,
                Gid = 6,
                DataStream = new MemoryStream("bytes"u8.ToArray()),
            });
            writer.WriteEntry(Entry("hard", "d/g", "d/f"));
            writer.WriteEntry(Entry("link", "l", "/d/f"));
            writer.WriteEntry(Entry("file", "d/.wh.gone", null));
        }));
        using var archive = await OciArchive.OpenAsync(path, CancellationToken.None);
        var image = await archive.ReadImageAsync("amd64", CancellationToken.None);
        await archive.VerifyAsync(image, CancellationToken.None);
        var folder = Path.Combine(_folder.Path, "layer");
        await LayerFolder.UnpackAsync(archive, image.Layers[0], folder, UserNamespace.Own, CancellationToken.None);
        var first = UserNamespace.Own is null ? 0 : UserNamespace.RootId;
        (await StatAsync(Path.Combine(folder, "d"))).ShouldBe($"directory 700 {7 + first} {8 + first}");
        (await StatAsync(Path.Combine(folder, "d/f"))).ShouldBe($"regular file 640 {5 + first} {6 + first}");
        (await OutputAsync("cat", Path.Combine(folder, "d/g"))).ShouldBe("bytes");
        new FileInfo(Path.Combine(folder, "l")).LinkTarget.ShouldBe("/d/f");
        (await StatAsync(Path.Combine(folder, "d/gone"))).ShouldStartWith("character special file");
        Directory.GetDirectories(_folder.Path).Length.ShouldBe(1);
    }

    [Theory]
    [InlineData("", 0u, 0u)]
    [InlineData("web", 101u, 102u)]
    [InlineData("101", 101u, 102u)]
    [InlineData("4242:7", 4242u, 7u)]
    public void User_OfAnImage_IsFoundInItsOwnFiles(string user, uint uid, uint gid)
    {
        var layer = _folder.Make("users");
        Directory.CreateDirectory(Path.Combine(layer, "etc"));
        File.WriteAllText(Path.Combine(layer, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nweb:x:101:102::/var/web:/bin/false\n");
        var found = ImageUser.Resolve(user, [layer]);
        found.Uid.ShouldBe(uid);
        found.Gid.ShouldBe(gid);
        Should.Throw<OciException>(() => ImageUser.Resolve("nobody-here", [layer]));
    }

    private static PaxTarEntry Entry(string kind, string name, string? target) => kind switch
    {
        "link" => new PaxTarEntry(TarEntryType.SymbolicLink, name) { LinkName = target! },
        "hard" => new PaxTarEntry(TarEntryType.HardLink, name) { LinkName = target! },
        "character" => new PaxTarEntry(TarEntryType.CharacterDevice, name) { DeviceMajor = 1, DeviceMinor = 3 },
        "block" => new PaxTarEntry(TarEntryType.BlockDevice, name) { DeviceMajor = 8, DeviceMinor = 0 },
        _ => new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream([1]) },
    };

    private static byte[] Tar(Action<TarWriter> fill)
    {
        using var tar = new MemoryStream();
        using (var writer = new TarWriter(tar, leaveOpen: true))
        {
            fill(writer);
        }

        return tar.ToArray();
    }

    private async Task VerifyAsync(byte[] layer)
    {
        using var archive = await OciArchive.OpenAsync(Write(layer), CancellationToken.None);
        await archive.VerifyAsync(await archive.ReadImageAsync("amd64", CancellationToken.None), CancellationToken.None);
    }

    /// <summary>An OCI archive of one layer.</summary>
    private string Write(byte[] layer, bool spoil = false)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(layer);
        }

        var blob = packed.ToArray();
        var config = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new
        {
            architecture = "amd64",
            os = "linux",
            config = new { Cmd = (string[])["/bin/sh"] },
            rootfs = new { type = "layers", diff_ids = (string[])[Digest(layer)] },
        }));
        var manifest = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new
        {
            schemaVersion = 2,
            config = new { mediaType = "application/vnd.oci.image.config.v1+json", digest = Digest(config), size = config.Length },
            layers = new[] { new { mediaType = "application/vnd.oci.image.layer.v1.tar+gzip", digest = Digest(blob), size = blob.Length } },
        }));
        var index = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new
        {
            schemaVersion = 2,
            manifests = new[] { new { digest = Digest(manifest), size = manifest.Length } },
        }));
        var layerName = BlobOf(blob);
        if (spoil)
        {
            blob[^1] ^= 1;
        }

        var path = Path.Combine(_folder.Path, $"{Guid.NewGuid():n}.tar");
        File.WriteAllBytes(path, Tar(writer =>
        {
            void Add(string name, byte[] bytes) =>
                writer.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(bytes) });
            Add("index.json", index);
            Add(BlobOf(manifest), manifest);
            Add(BlobOf(config), config);
            Add(layerName, blob);
        }));
        return path;
    }

    private static string Digest(byte[] bytes) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(bytes))}";

    private static string BlobOf(byte[] bytes) => $"blobs/sha256/{Convert.ToHexStringLower(SHA256.HashData(bytes))}";

    private static Task<string> StatAsync(string path) => OutputAsync("stat", "-c", "%F %a %u %g", path);

    /// <summary>What a program prints that sees the files as a container's holder does.</summary>
    private static async Task<string> OutputAsync(params string[] words)
    {
        var command = UserNamespace.Command(words);
        using var program = Process.Start(new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardOutput = true })!;
        return (await program.StandardOutput.ReadToEndAsync()).Trim();
    }
}
