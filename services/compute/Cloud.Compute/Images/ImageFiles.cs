using System.Security.Cryptography;
using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;
using Microsoft.Extensions.Options;

namespace Cloud.Compute.Images;

/// <summary>A disk that was checked: its file's name in the image's folder, and what a guest will see.</summary>
internal sealed record ImageDisk(string File, string Format, long SizeBytes, long FileBytes, string Sha256);

/// <summary>A file that is there for as long as this is kept.</summary>
internal sealed record ImageRoom(string Path) : IDisposable
{
    public void Dispose() => File.Delete(Path);
}

/// <summary>The files of images that projects brought in: a folder an image, made whole or not at all.</summary>
internal sealed class ImageFiles(IOptions<ImageOptions> options)
{
    private const int BufferBytes = 1 << 20;
    private const long ProgressEveryBytes = 8 << 20;

    public string FolderOf(ImageId id) => Path.Combine(options.Value.Imported, id.Value);

    /// <summary>Reads a disk's bytes to their end, checks them, and puts them durably in place.</summary>
    /// <param name="image">What they are to be.</param>
    /// <param name="body">The bytes.</param>
    /// <param name="length">How many there will be, where it is known.</param>
    /// <param name="progress">Told every few MiB how many have come.</param>
    /// <exception cref="CloudException">They are not such a disk, have another checksum, are cut short, or are too many.</exception>
    public async Task<ImageDisk> TakeAsync(Image image, Stream body, long? length, Func<long, Task> progress, CancellationToken ct)
    {
        RequireRoom(length ?? 0);
        var folder = FolderOf(image.Id);
        Directory.CreateDirectory(folder);
        var beside = Path.Combine(folder, $"incoming-{Guid.NewGuid():N}");
        try
        {
            var sha256 = await WriteAsync(body, beside, length, progress, ct);
            if (image.Sha256 is { } expected && !string.Equals(expected, sha256, StringComparison.OrdinalIgnoreCase))
            {
                throw new CloudException(
                    ErrorKind.Unprocessable, "checksum-mismatch", $"The SHA-256 of what arrived is {sha256}, not {expected}.");
            }

            var size = image.IsContainer
                ? await ContainerInspection.RequireAsync(beside, ct)
                : await DiskInspection.RequireAsync(beside, image.DiskFormat, ct);
            var name = $"disk.{image.DiskFormat}";
            File.Move(beside, Path.Combine(folder, name), overwrite: true);
            return new ImageDisk(name, image.DiskFormat, size, new FileInfo(Path.Combine(folder, name)).Length, sha256);
        }
        finally
        {
            File.Delete(beside);
        }
    }

    public long FileBytesMax => options.Value.FileBytesMax;

    /// <summary>A place beside an image's files for what is brought together before it is taken; gone with the answer's disposal.</summary>
    public ImageRoom MakeRoom(ImageId id)
    {
        RequireRoom(0);
        foreach (var left in Directory.CreateDirectory(FolderOf(id)).EnumerateFiles("pulled-*"))
        {
            left.Delete();
        }

        return new ImageRoom(Path.Combine(FolderOf(id), $"pulled-{Guid.NewGuid():N}"));
    }

    public void Delete(ImageId id)
    {
        if (Directory.Exists(FolderOf(id)))
        {
            Directory.Delete(FolderOf(id), recursive: true);
        }
    }

    private async Task<string> WriteAsync(Stream body, string path, long? length, Func<long, Task> progress, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        await using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        var buffer = new byte[BufferBytes];
        long total = 0, told = 0;
        int read;
        while ((read = await body.ReadAsync(buffer, ct)) > 0)
        {
            total += read;
            if (total > options.Value.FileBytesMax)
            {
                throw new CloudException(
                    ErrorKind.TooLarge, "too-large", $"An image's file has at most {new ByteSize(options.Value.FileBytesMax)}.");
            }

            hash.AppendData(buffer.AsSpan(0, read));
            await file.WriteAsync(buffer.AsMemory(0, read), ct);
            if (total - told >= ProgressEveryBytes)
            {
                told = total;
                RequireRoom(0);
                await progress(total);
            }
        }

        if (length is { } expected && total != expected)
        {
            throw new CloudException(ErrorKind.Unprocessable, "cut-short", $"{total} of {expected} bytes arrived.");
        }

        await progress(total);
        file.Flush(flushToDisk: true);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private void RequireRoom(long bytes)
    {
        Directory.CreateDirectory(options.Value.Imported);
        if (new DriveInfo(options.Value.Imported).AvailableFreeSpace - bytes < options.Value.FreeBytesMin)
        {
            throw new CloudException(ErrorKind.Unavailable, "disk-full", "The cloud's disk has no room for it now.");
        }
    }
}
