using System.Buffers.Binary;
using System.Diagnostics;
using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;

namespace Cloud.Compute.Tests.Images;

/// <summary>Disks made by qemu-img itself, then spoilt in one way each.</summary>
public sealed class DiskInspectionTests : IDisposable
{
    private const int BackingFileOffset = 8;
    private const int SizeOffset = 24;
    private const int EncryptionOffset = 32;
    private const int L1Offset = 40;
    private const int FeaturesOffset = 72;

    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-disks-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Qcow2_OfQemuImg_IsTakenWithItsSize() =>
        (await DiskInspection.RequireAsync(Make("good.qcow2"), "qcow2", default)).ShouldBe(64L << 20);

    [Fact]
    public async Task Qcow2_Compressed_IsTaken()
    {
        var raw = Path.Combine(_folder, "random.raw");
        File.WriteAllBytes(raw, Enumerable.Range(0, 3 << 20).Select(at => (byte)(at * 7 / 3)).ToArray());
        var path = Path.Combine(_folder, "compressed.qcow2");
        QemuImg("convert", "-c", "-O", "qcow2", raw, path);
        (await DiskInspection.RequireAsync(path, "qcow2", default)).ShouldBe(3L << 20);
    }

    [Fact]
    public Task Qcow2_WithABackingFile_IsRefused()
    {
        var path = Path.Combine(_folder, "backed.qcow2");
        QemuImg("create", "-f", "qcow2", "-F", "raw", "-b", "/etc/shadow", path, "1M");
        return RefusesAsync(path, "qcow2", "backing file");
    }

    [Fact]
    public Task Qcow2_WithADataFile_IsRefused()
    {
        var path = Path.Combine(_folder, "data.qcow2");
        QemuImg("create", "-f", "qcow2", "-o", $"data_file={Path.Combine(_folder, "outside.raw")}", path, "1M");
        return RefusesAsync(path, "qcow2", "data file");
    }

    [Fact]
    public Task Qcow2_ThatIsEncrypted_IsRefused() => SpoiltAsync(EncryptionOffset, (2L << 32) | 1, "encrypted");

    [Fact]
    public Task Qcow2_CutShort_IsRefused()
    {
        var raw = Path.Combine(_folder, "full.raw");
        File.WriteAllBytes(raw, Enumerable.Repeat((byte)1, 8 << 20).ToArray());
        var path = Path.Combine(_folder, "cut.qcow2");
        QemuImg("convert", "-O", "qcow2", raw, path);
        using (var file = File.OpenWrite(path))
        {
            file.SetLength(file.Length / 2);
        }

        return RefusesAsync(path, "qcow2", "cut short");
    }

    [Fact]
    public Task Qcow2_WithATableBeyondItsEnd_IsRefused() => SpoiltAsync(L1Offset, 0x7fff_ffff_0000, "cut short");

    [Fact]
    public Task Qcow2_WithAnUnknownFeature_IsRefused() => SpoiltAsync(FeaturesOffset, 1L << 40, "features");

    [Fact]
    public Task Qcow2_OfAnImpossibleSize_IsRefused() => SpoiltAsync(SizeOffset, long.MaxValue, "at most");

    [Fact]
    public Task Qcow2_WithABackingOffsetAlone_IsRefused() => SpoiltAsync(BackingFileOffset, 0x200, "backing file");

    [Theory]
    [InlineData("", "qcow2")]
    [InlineData("This is a letter to my aunt.", "qcow2")]
    [InlineData("QFI\u00fb", "qcow2")]
    [InlineData("", "raw")]
    [InlineData("This is a letter to my aunt.", "raw")]
    public async Task NoImage_IsRefused(string content, string format)
    {
        var path = Path.Combine(_folder, "none");
        await File.WriteAllTextAsync(path, content.PadRight(2000), System.Text.Encoding.Latin1);
        var refused = await Should.ThrowAsync<CloudException>(() => DiskInspection.RequireAsync(path, format, default));
        refused.Kind.ShouldBe(ErrorKind.Unprocessable);
        refused.Errors.Keys.ShouldContain("content");
    }

    [Fact]
    public Task Raw_ThatIsReallyQcow2_IsRefused() => RefusesAsync(Make("q.qcow2"), "raw", "qcow2");

    [Fact]
    public async Task Raw_WithABootSignature_IsTaken()
    {
        var bytes = new byte[2 << 20];
        bytes[510] = 0x55;
        bytes[511] = 0xaa;
        var path = Path.Combine(_folder, "boot.raw");
        await File.WriteAllBytesAsync(path, bytes);
        (await DiskInspection.RequireAsync(path, "raw", default)).ShouldBe(2L << 20);
    }

    private Task SpoiltAsync(int offset, long value, string says)
    {
        var path = Make("spoilt.qcow2");
        using (var file = File.OpenWrite(path))
        {
            var bytes = new byte[8];
            BinaryPrimitives.WriteInt64BigEndian(bytes, value);
            file.Position = offset;
            file.Write(bytes);
        }

        return RefusesAsync(path, "qcow2", says);
    }

    private static async Task RefusesAsync(string path, string format, string says)
    {
        var refused = await Should.ThrowAsync<CloudException>(() => DiskInspection.RequireAsync(path, format, default));
        refused.Kind.ShouldBe(ErrorKind.Unprocessable);
        refused.Message.ShouldContain(says);
    }

    private string Make(string name)
    {
        var path = Path.Combine(_folder, name);
        QemuImg("create", "-f", "qcow2", path, "64M");
        return path;
    }

    private static void QemuImg(params string[] arguments)
    {
        using var program = Process.Start(
            new ProcessStartInfo("qemu-img", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var said = program.StandardError.ReadToEnd();
        program.WaitForExit();
        program.ExitCode.ShouldBe(0, said);
    }
}
