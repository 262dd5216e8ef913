using Cloud.ObjectStorage.Contracts;

namespace Cloud.Database.Tests.Kit;

/// <summary>Private buckets as folders: an object is a file that appears whole.</summary>
internal sealed class FolderObjects(string root) : IPrivateObjects
{
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
        Task.FromResult<Stream?>(File.Exists(PathOf(bucket, key)) ? File.OpenRead(PathOf(bucket, key)) : null);

    public async Task<byte[]?> ReadAsync(string bucket, string key, long offset, int lengthBytes, CancellationToken ct)
    {
        if (!File.Exists(PathOf(bucket, key)))
        {
            return null;
        }

        using var file = File.OpenHandle(PathOf(bucket, key));
        var bytes = new byte[Math.Clamp(RandomAccess.GetLength(file) - offset, 0, lengthBytes)];
        return bytes[..await RandomAccess.ReadAsync(file, bytes, offset, ct)];
    }

    public Task<IReadOnlyList<PrivateObject>> ListAsync(string bucket, string prefix, CancellationToken ct)
    {
        var folder = new DirectoryInfo(Path.Combine(root, bucket));
        IReadOnlyList<PrivateObject> found = folder.Exists
            ? folder.GetFiles("*", SearchOption.AllDirectories)
                .Select(file => new PrivateObject(Path.GetRelativePath(folder.FullName, file.FullName), file.Length))
                .Where(stored => stored.Key.StartsWith(prefix, StringComparison.Ordinal))
                .OrderBy(stored => stored.Key, StringComparer.Ordinal).ToList()
            : [];
        return Task.FromResult(found);
    }

    public Task DeleteAsync(string bucket, string key, CancellationToken ct)
    {
        File.Delete(PathOf(bucket, key));
        return Task.CompletedTask;
    }

    private string PathOf(string bucket, string key) => Path.Combine(root, bucket, key);
}
