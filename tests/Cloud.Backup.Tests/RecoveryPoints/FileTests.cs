using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Cloud.Backup.Reader;
using Cloud.Backup.Tests.Kit;

namespace Cloud.Backup.Tests.RecoveryPoints;

/// <summary>One file out of a volume, by the service and by the program that needs no cloud.</summary>
public sealed class FileTests(BackupServices services) : BackupTest(services.OnSqlite), IDisposable
{
    private const int DiskBytes = 24 * 1024 * 1024;

    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-files-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("ext4")]
    [InlineData("ext2")]
    public async Task Files_AreListedAndSent_WithoutRestoring(string kind)
    {
        var (big, disk) = await MakeDiskAsync(kind);
        var point = await BackUpAsync(await PlanAsync(Storage.AddVolume(NewName("disk"), disk)));
        var root = (await GetAsync($"/v1/recovery-points/{point}/files")).GetProperty("items").EnumerateArray()
            .ToDictionary(file => file.GetProperty("path").GetString()!, file => file.GetProperty("type").GetString());
        root["/etc"].ShouldBe("folder");
        root["/link"].ShouldBe("link");
        root["/big"].ShouldBe("file");
        (await GetAsync($"/v1/recovery-points/{point}/files?path=/many")).GetProperty("items").GetArrayLength().ShouldBe(300);
        (await DownloadAsync(point, "/etc/motd")).ShouldBe("hello\n"u8.ToArray());
        (await DownloadAsync(point, "/big")).AsSpan().SequenceEqual(big).ShouldBeTrue();
        (await SendAsync(HttpMethod.Get, $"/v1/recovery-points/{point}/files?path=/etc/none")).Status.ShouldBe(HttpStatusCode.NotFound);
        ShouldName(await SendAsync(HttpMethod.Get, $"/v1/recovery-points/{point}/files?path=etc"), "path");
    }

    [Fact]
    public async Task Volume_WithoutAFileSystem_SaysSo()
    {
        var (volume, _) = AddVolume();
        var point = await BackUpAsync(await PlanAsync(volume));
        RefusalOf(await SendAsync(HttpMethod.Get, $"/v1/recovery-points/{point}/files"), HttpStatusCode.Conflict)
            .ShouldBe("no-file-system");
    }

    [Fact]
    public async Task Reader_RestoresFromACopyOfTheVault_WithNoCloud()
    {
        var (big, disk) = await MakeDiskAsync("ext4");
        var plan = await PlanAsync(Storage.AddVolume(NewName("disk"), disk));
        var point = await BackUpAsync(plan);
        var (copy, key) = await KeyAsync(plan);
        (await ReadAsync("list", copy, key)).ShouldContain(point);
        (await ReadAsync("files", copy, key, point, "/etc")).ShouldContain("motd");
        (await ReadAsync("verify", copy, key)).ShouldContain($"{point}  whole");
        var target = Path.Combine(_folder, "restored");
        await ReadAsync("restore", copy, key, point, target);
        (await File.ReadAllBytesAsync(target)).AsSpan().SequenceEqual(disk).ShouldBeTrue();
        await ReadAsync("file", copy, key, point, "/big", target);
        (await File.ReadAllBytesAsync(target)).AsSpan().SequenceEqual(big).ShouldBeTrue();

        await File.WriteAllTextAsync(key, Cloud.Backup.Vaults.VaultKey.Create().Export());
        using var errors = new StringWriter();
        (await ReaderCommands.RunAsync(["list", copy, key], TextWriter.Null, errors, CancellationToken.None)).ShouldBe(1);
        errors.ToString().ShouldContain("The key is not that of vault");
    }

    [Fact]
    public async Task Reader_LaysOutABucketsObjects_ByTheirKeys()
    {
        var bucket = Buckets.Add(NewName("bucket")).Id;
        Buckets.Put(bucket, "a/b", [1]);
        Buckets.Put(bucket, "a/b", [2, 2]);
        Buckets.Put(bucket, "a", [3]);
        Buckets.Put(bucket, "../out", [4]);
        Buckets.Put(bucket, "gone", [5]);
        Buckets.Put(bucket, "gone", null);
        var target = await RestoreAsync(await PlanAsync(bucket));
        (await File.ReadAllBytesAsync(Path.Combine(target, "objects", "a"))).ShouldBe([3]);
        Directory.GetFiles(Path.Combine(target, "objects"), "*", SearchOption.AllDirectories).ShouldHaveSingleItem();
        Directory.GetFiles(Path.Combine(target, "versions")).SelectMany(File.ReadAllBytes).Order().ToArray().ShouldBe([1, 2, 2, 4, 5]);
        using var versions = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(target, "versions.json")));
        versions.RootElement.EnumerateArray().Select(one => (
                one.GetProperty("version").GetProperty("key").GetString(), one.GetProperty("file").GetString() ?? "none"))
            .ShouldContain(("gone", "none"));
        versions.RootElement.GetArrayLength().ShouldBe(6);
    }

    [Fact]
    public async Task Reader_LaysOutADatabasesFiles_AsItsServerHasThem()
    {
        var database = Databases.Add(NewName("db"), new Dictionary<string, byte[]> { ["./base/1"] = [1, 2], ["PG_VERSION"] = [3] });
        Databases.Write(database, 1, [9]);
        var target = await RestoreAsync(await PlanAsync(database));
        (await File.ReadAllBytesAsync(Path.Combine(target, "data", "base", "1"))).ShouldBe([1, 2]);
        (await File.ReadAllBytesAsync(Path.Combine(target, "data", "PG_VERSION"))).ShouldBe([3]);
        var log = await File.ReadAllBytesAsync(Path.Combine(target, "wal", FakeDatabases.NameOfLog(1)));
        (log[0], log.Length).ShouldBe(((byte)9, 1 << 20), "PostgreSQL takes whole files only");
    }

    /// <summary>Runs a plan and restores its point with no cloud; where to.</summary>
    private async Task<string> RestoreAsync(JsonElement plan)
    {
        var point = await BackUpAsync(plan);
        var (copy, key) = await KeyAsync(plan);
        var target = Path.Combine(_folder, "restored");
        await ReadAsync("restore", copy, key, point, target);
        return target;
    }

    /// <summary>The folder of a plan's vault, and a file with its key.</summary>
    private async Task<(string Folder, string Key)> KeyAsync(JsonElement plan)
    {
        var vault = plan.GetProperty("vault").GetString()!;
        var key = Path.Combine(_folder, "key");
        await File.WriteAllTextAsync(key, (await GetAsync($"/v1/vaults/{vault}/key")).GetProperty("key").GetString());
        return (FolderOf(vault), key);
    }

    private static async Task<string> ReadAsync(params string[] args)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        (await ReaderCommands.RunAsync(args, output, errors, CancellationToken.None)).ShouldBe(0, errors.ToString());
        return output.ToString();
    }

    private async Task<byte[]> DownloadAsync(string point, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/recovery-points/{point}/files?path={path}");
        request.Headers.Add(HeaderCallers.ProjectHeader, Project);
        using var answer = await Service.Http.SendAsync(request);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        return await answer.Content.ReadAsByteArrayAsync();
    }

    private async Task<(byte[] Big, byte[] Disk)> MakeDiskAsync(string kind)
    {
        var root = Path.Combine(_folder, "root");
        Directory.CreateDirectory(Path.Combine(root, "etc"));
        Directory.CreateDirectory(Path.Combine(root, "many"));
        await File.WriteAllTextAsync(Path.Combine(root, "etc", "motd"), "hello\n");
        File.CreateSymbolicLink(Path.Combine(root, "link"), "etc/motd");
        for (var at = 0; at < 300; at++)
        {
            await File.WriteAllTextAsync(Path.Combine(root, "many", $"file-{at}"), $"{at}");
        }

        var big = new byte[6_000_001];
        new Random(3).NextBytes(big);
        await File.WriteAllBytesAsync(Path.Combine(root, "big"), big);
        var image = Path.Combine(_folder, "disk.img");
        await File.WriteAllBytesAsync(image, new byte[DiskBytes]);
        using var make = Process.Start(new ProcessStartInfo("/sbin/mke2fs", ["-q", "-F", "-t", kind, "-b", "1024", "-d", root, image])
        {
            RedirectStandardError = true,
        })!;
        var said = await make.StandardError.ReadToEndAsync();
        await make.WaitForExitAsync();
        make.ExitCode.ShouldBe(0, said);
        return (big, await File.ReadAllBytesAsync(image));
    }
}
