using System.Diagnostics;
using Cloud.Vmm.RiscV.Disks;

namespace Cloud.Vmm.RiscV.Tests.Disks;

/// <summary>qcow2 files made, checked and read by qemu-img, written and read here.</summary>
public sealed class Qcow2Tests : IDisposable
{
    private const int Size = 8 << 20;

    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-qcow2-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("")]
    [InlineData("compat=0.10")]
    [InlineData("cluster_size=4096")]
    [InlineData("cluster_size=2M")]
    [InlineData("refcount_bits=1")]
    [InlineData("refcount_bits=64,cluster_size=4096")]
    public async Task RandomWrites_OverABackingFile_AreWhatQemuReads(string options)
    {
        var random = new Random(options.Length + 7);
        byte[] expected = new byte[Size];
        random.NextBytes(expected.AsSpan(0, Size / 2));
        await File.WriteAllBytesAsync(At("base.raw"), expected[..(Size / 2)], TestContext.Current.CancellationToken);
        string made = options.Length == 0 ? "compat=1.1" : options;
        await QemuImgAsync("create", "-q", "-f", "qcow2", "-o", made, "-b", "base.raw", "-F", "raw", "top.qcow2", $"{Size}");
        for (int round = 0; round < 3; round++)
        {
            using Qcow2Disk disk = Open("top.qcow2", Raw("base.raw"));
            for (int i = 0; i < 60; i++)
            {
                int offset = random.Next(Size / 512) * 512;
                byte[] bytes = new byte[Math.Min(512 * random.Next(1, 400), Size - offset)];
                random.NextBytes(bytes);
                disk.Write(offset, bytes);
                bytes.CopyTo(expected, offset);
            }

            byte[] actual = new byte[Size];
            disk.Read(0, actual);
            actual.AsSpan().SequenceEqual(expected).ShouldBeTrue("What was written must be read.");
        }

        await QemuImgAsync("check", "-q", "top.qcow2");
        await QemuImgAsync("convert", "-O", "raw", "top.qcow2", "whole.raw");
        (await File.ReadAllBytesAsync(At("whole.raw"), TestContext.Current.CancellationToken)).AsSpan().SequenceEqual(expected)
            .ShouldBeTrue("QEMU must read what was written here.");
    }

    [Fact]
    public async Task WriteAfterASnapshot_LeavesTheSnapshotAsItWas()
    {
        await QemuImgAsync("create", "-q", "-f", "qcow2", "top.qcow2", $"{Size}");
        byte[] before = [.. Enumerable.Repeat((byte)'a', 200_000)];
        using (Qcow2Disk disk = Open("top.qcow2", null))
        {
            disk.Write(65536, before);
        }

        await QemuImgAsync("snapshot", "-c", "then", "top.qcow2");
        using (Qcow2Disk disk = Open("top.qcow2", null))
        {
            disk.Write(100_000 / 512 * 512, [.. Enumerable.Repeat((byte)'b', 4096)]);
        }

        await QemuImgAsync("check", "-q", "top.qcow2");
        await QemuImgAsync("convert", "-l", "then", "-O", "raw", "top.qcow2", "then.raw");
        byte[] then = await File.ReadAllBytesAsync(At("then.raw"), TestContext.Current.CancellationToken);
        then.AsSpan(65536, before.Length).SequenceEqual(before).ShouldBeTrue();
    }

    [Fact]
    public async Task CompressedClusters_AreReadAndOverwritten()
    {
        byte[] text = [.. Enumerable.Range(0, Size).Select(i => (byte)(i / 1000))];
        await File.WriteAllBytesAsync(At("text.raw"), text, TestContext.Current.CancellationToken);
        await QemuImgAsync("convert", "-c", "-O", "qcow2", "text.raw", "packed.qcow2");
        using (Qcow2Disk disk = Open("packed.qcow2", null))
        {
            byte[] actual = new byte[Size];
            disk.Read(0, actual);
            actual.AsSpan().SequenceEqual(text).ShouldBeTrue();
            disk.Write(1 << 20, new byte[512]);
        }

        await QemuImgAsync("check", "-q", "packed.qcow2");
    }

    [Fact]
    public async Task BackingFileInTheHeader_IsNotFollowed()
    {
        await File.WriteAllTextAsync(At("secret.raw"), new string('s', Size), TestContext.Current.CancellationToken);
        await QemuImgAsync("create", "-q", "-f", "qcow2", "-b", "secret.raw", "-F", "raw", "top.qcow2", $"{Size}");
        using Qcow2Disk disk = Open("top.qcow2", null);
        byte[] actual = new byte[4096];
        disk.Read(0, actual);
        actual.ShouldAllBe(value => value == 0);
    }

    [Fact]
    public async Task DamagedHeaders_AreRefused_AndNeverHarm()
    {
        await QemuImgAsync("create", "-q", "-f", "qcow2", "top.qcow2", $"{Size}");
        byte[] sound = await File.ReadAllBytesAsync(At("top.qcow2"), TestContext.Current.CancellationToken);
        for (int seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            byte[] damaged = [.. sound];
            for (int i = 0; i < 3; i++)
            {
                damaged[random.Next(112)] = (byte)random.Next(256);
            }

            await File.WriteAllBytesAsync(At("damaged.qcow2"), damaged, TestContext.Current.CancellationToken);
            try
            {
                using Qcow2Disk disk = Open("damaged.qcow2", null);
                byte[] buffer = new byte[512];
                if (disk.SizeBytes >= 512)
                {
                    disk.Read(0, buffer);
                    disk.Read(disk.SizeBytes - 512, buffer);
                }
            }
            catch (Exception refused) when (refused is InvalidDataException or IOException)
            {
                // What it must be.
            }
        }
    }

    private string At(string name) => Path.Combine(_folder, name);

    private RawDisk Raw(string name) => new(File.OpenHandle(At(name)), readOnly: true);

    private Qcow2Disk Open(string name, IDisk? backing) =>
        new(File.OpenHandle(At(name), FileMode.Open, FileAccess.ReadWrite), backing, readOnly: false);

    private async Task QemuImgAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("qemu-img") { WorkingDirectory = _folder, RedirectStandardError = true };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using Process process = Process.Start(start)!;
        string said = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        process.ExitCode.ShouldBe(0, $"qemu-img {string.Join(' ', arguments)}: {said}");
    }
}
