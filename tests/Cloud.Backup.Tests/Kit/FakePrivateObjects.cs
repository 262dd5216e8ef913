using System.Collections.Concurrent;
using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;

namespace Cloud.Backup.Tests.Kit;

/// <summary>Private buckets as folders: an object is a file that appears whole, sealed in pieces as the real ones are.</summary>
internal sealed class FakePrivateObjects(string root) : IPrivateObjects
{
    private const int PieceBytes = 64 * 1024;

    /// <summary>Bytes that are not what was stored, by the name of their file: what reads any of a piece is refused.</summary>
    public ConcurrentDictionary<string, long> Damage { get; } = new(StringComparer.Ordinal);

    public async Task PutAsync(string bucket, string key, Stream body, CancellationToken ct)
    {
        var path = PathOf(bucket, key);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var unfinished = Path.Combine(root, $"{Guid.NewGuid():N}.new");
        await using (var file = File.Create(unfinished))
        {
            await body.CopyToAsync(file, ct);
        }

        File.Move(unfinished, path, overwrite: true);
    }

    public Task<Stream?> OpenAsync(string bucket, string key, CancellationToken ct) =>
        throw new NotSupportedException("Vaults are read in parts.");

    public async Task<byte[]?> ReadAsync(string bucket, string key, long offset, int lengthBytes, CancellationToken ct)
    {
        if (!File.Exists(PathOf(bucket, key)))
        {
            return null;
        }

        using var file = File.OpenHandle(PathOf(bucket, key));
        var bytes = new byte[Math.Clamp(RandomAccess.GetLength(file) - offset, 0, lengthBytes)];
        if (Damage.TryGetValue(Path.GetFileName(key), out var damaged) && bytes.Length > 0
            && offset / PieceBytes <= damaged / PieceBytes && damaged / PieceBytes <= (offset + bytes.Length - 1) / PieceBytes)
        {
            throw CloudException.Conflict(IPrivateObjects.Damaged, "A piece is damaged.");
        }

        return bytes[..await RandomAccess.ReadAsync(file, bytes, offset, ct)];
    }

    public Task<IReadOnlyList<PrivateObject>> ListAsync(string bucket, string prefix, CancellationToken ct)
    {
        var folder = new DirectoryInfo(Path.Combine(root, bucket));
        IReadOnlyList<PrivateObject> found = folder.Exists
            ? [.. folder.GetFiles("*", SearchOption.AllDirectories)
                .Select(file => new PrivateObject(Path.GetRelativePath(folder.FullName, file.FullName), file.Length))
                .Where(stored => stored.Key.StartsWith(prefix, StringComparison.Ordinal))
                .OrderBy(stored => stored.Key, StringComparer.Ordinal)]
            : [];
        return Task.FromResult(found);
    }

    public Task DeleteAsync(string bucket, string key, CancellationToken ct)
    {
        if (File.Exists(PathOf(bucket, key)))
        {
            File.Delete(PathOf(bucket, key));
        }

        return Task.CompletedTask;
    }

    private string PathOf(string bucket, string key) => Path.Combine(root, bucket, key);
}
