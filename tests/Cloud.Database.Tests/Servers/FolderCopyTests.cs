using System.Diagnostics;
using Cloud.Database.Servers;

namespace Cloud.Database.Tests.Servers;

/// <summary>What a copy of a server's files takes.</summary>
public sealed class FolderCopyTests
{
    private const int FileBytes = 64 << 20;

    [Fact]
    public async Task Copy_SharesItsBlocks_WhereTheFileSystemCan()
    {
        if (!ServerPrograms.IsRoot)
        {
            Assert.Skip("Only root mounts.");
        }

        var folder = Directory.CreateTempSubdirectory("cloud-copy-").FullName;
        var (image, mounted) = (Path.Combine(folder, "image"), Path.Combine(folder, "mounted"));
        await using (var file = File.Create(image))
        {
            file.SetLength(1L << 30);
        }

        Directory.CreateDirectory(mounted);
        await RunAsync("mkfs.xfs", "-q", "-m", "reflink=1", image);
        await RunAsync("mount", "-o", "loop", image, mounted);
        try
        {
            var from = Path.Combine(mounted, "from", "base");
            Directory.CreateDirectory(from);
            var bytes = new byte[FileBytes];
            new Random(1).NextBytes(bytes);
            await File.WriteAllBytesAsync(Path.Combine(from, "1"), bytes, TestContext.Current.CancellationToken);
            await RunAsync("sync", "-f", mounted);
            var free = new DriveInfo(mounted).AvailableFreeSpace;

            var to = Path.Combine(mounted, "to");
            FolderCopy.Copy(Path.Combine(mounted, "from"), to, CancellationToken.None);

            await RunAsync("sync", "-f", mounted);
            (free - new DriveInfo(mounted).AvailableFreeSpace).ShouldBeLessThan(FileBytes / 8);
            await using (var written = File.OpenWrite(Path.Combine(to, "base", "1")))
            {
                written.WriteByte((byte)~bytes[0]);
            }

            var kept = await File.ReadAllBytesAsync(Path.Combine(from, "1"), TestContext.Current.CancellationToken);
            kept.AsSpan().SequenceEqual(bytes).ShouldBeTrue("what is copied goes its own way");
        }
        finally
        {
            await RunAsync("umount", mounted);
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        await process.WaitForExitAsync();
        process.ExitCode.ShouldBe(0, program);
    }
}
