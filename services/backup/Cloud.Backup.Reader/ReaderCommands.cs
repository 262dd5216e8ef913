using System.Globalization;
using Cloud.Backup.Vaults;
using Cloud.Backup.Vaults.FileSystems;
using Cloud.Backup.Vaults.Storage;

namespace Cloud.Backup.Reader;

/// <summary>Reads a copy of a vault with no cloud running: all that it needs is the folder and the vault's exported key.</summary>
public static class ReaderCommands
{
    private const int BufferBytes = 1024 * 1024;

    private const string Usage = """
        Reads a copy of a vault. The key is the text that GET /v1/vaults/{id}/key gave out, in a file.
          cloud-vault list    FOLDER KEYFILE                          the recovery points
          cloud-vault restore FOLDER KEYFILE POINT TARGET             a volume into a sparse file, an instance's disks into one each,
                                                                      a database or a bucket into a folder of its files
          cloud-vault files   FOLDER KEYFILE POINT [PATH]             a folder of a volume's file system
          cloud-vault file    FOLDER KEYFILE POINT PATH TARGET        one file out of it
          cloud-vault verify  FOLDER KEYFILE                          whether every point is whole; changes nothing
        """;

    /// <returns>0; 1 for what the vault does not have or has damaged; 2 for a call that is none.</returns>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter errors, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(args);
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(errors);
        try
        {
            if (args is not [var command, var folder, var keyFile, .. var rest])
            {
                await errors.WriteLineAsync(Usage);
                return 2;
            }

            var key = VaultKey.Import(await File.ReadAllTextAsync(keyFile, ct));
            using var vault = await Vault.OpenAsync(new ReadOnlyStorage(new FolderStorage(folder)), key, ct);
            switch (command, rest)
            {
                case ("list", []):
                    return await ListAsync(vault, output, ct);
                case ("restore", [var point, var target]):
                    return await RestoreAsync(vault, point, target, ct);
                case ("files", [var point, .. { Length: <= 1 } path]):
                    return await ListFilesAsync(vault, point, path.Length == 0 ? "/" : path[0], output, ct);
                case ("file", [var point, var path, var target]):
                    return await CopyFileAsync(vault, point, path, target, ct);
                case ("verify", []):
                    return await VerifyAsync(vault, output, ct);
                default:
                    await errors.WriteLineAsync(Usage);
                    return 2;
            }
        }
        catch (Exception failed) when (failed is VaultException or IOException or UnauthorizedAccessException)
        {
            await errors.WriteLineAsync(failed.Message);
            return 1;
        }
    }

    private static async Task<int> ListAsync(Vault vault, TextWriter output, CancellationToken ct)
    {
        foreach (var id in await vault.ListPointsAsync(ct))
        {
            var point = await vault.ReadPointAsync(id, ct);
            var sizeBytes = point.Streams.Sum(stream => stream.SizeBytes);
            await output.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"{id}  {point.TakenAt:u}  {point.Kind}  {point.Resource}  {point.ResourceName}  {sizeBytes}"));
        }

        return 0;
    }

    private static async Task<int> RestoreAsync(Vault vault, string id, string target, CancellationToken ct)
    {
        var point = await vault.ReadPointAsync(id, ct);
        var layout = PointLayout.Of(point, target);
        foreach (var (path, mode) in layout.Folders)
        {
            Directory.CreateDirectory(path, (UnixFileMode)mode);
        }

        foreach (var file in layout.Files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(file.Path))!);
            await RestoreAsync(vault, file, ct);
            if (file.Mode is { } mode)
            {
                File.SetUnixFileMode(file.Path, (UnixFileMode)mode);
            }
        }

        foreach (var (path, json) in layout.Notes)
        {
            await File.WriteAllTextAsync(path, json, ct);
        }

        return 0;
    }

    private static async Task RestoreAsync(Vault vault, LaidOutFile to, CancellationToken ct)
    {
        await using var source = (ChunkStream)vault.OpenStream(to.Stream);
        await using var file = new FileStream(to.Path, FileMode.Create, FileAccess.Write, FileShare.None, BufferBytes);
        file.SetLength(Math.Max(source.Length, to.BytesMin));
        var chunk = new byte[ChunkTree.ChunkBytes];
        for (var at = await source.NextDataAsync(0, ct); at < source.Length; at = await source.NextDataAsync(at, ct))
        {
            var length = (int)Math.Min(chunk.Length, source.Length - at);
            source.Position = file.Position = at;
            await source.ReadExactlyAsync(chunk.AsMemory(0, length), ct);
            await file.WriteAsync(chunk.AsMemory(0, length), ct);
            at += length;
        }

        file.Flush(flushToDisk: true);
    }

    private static async Task<int> ListFilesAsync(Vault vault, string id, string path, TextWriter output, CancellationToken ct)
    {
        await using var disk = vault.OpenStream((await vault.ReadPointAsync(id, ct)).Streams[0]);
        var (files, folder) = await FindAsync(disk, path, ct);
        foreach (var file in await files.ListAsync(folder, ct))
        {
            await output.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture,
                $"{Convert.ToString(file.Mode, 8),5} {file.Type,-7} {file.SizeBytes,12} {file.ModifiedAt:u} {file.Name}"));
        }

        return 0;
    }

    private static async Task<int> CopyFileAsync(Vault vault, string id, string path, string target, CancellationToken ct)
    {
        await using var disk = vault.OpenStream((await vault.ReadPointAsync(id, ct)).Streams[0]);
        var (files, file) = await FindAsync(disk, path, ct);
        await using var output = File.Create(target);
        await files.CopyAsync(file, output, ct);
        return 0;
    }

    private static async Task<(Ext4 Files, Ext4File File)> FindAsync(Stream disk, string path, CancellationToken ct)
    {
        var files = await Ext4.OpenAsync(disk, ct)
            ?? throw new VaultException(VaultFault.Missing, "The recovery point holds no ext2, ext3 or ext4 file system.");
        return (files, await files.FindAsync(path, ct) ?? throw new VaultException(VaultFault.Missing, $"There is no '{path}'."));
    }

    private static async Task<int> VerifyAsync(Vault vault, TextWriter output, CancellationToken ct)
    {
        var damaged = 0;
        foreach (var id in await vault.ListPointsAsync(ct))
        {
            try
            {
                foreach (var stream in (await vault.ReadPointAsync(id, ct)).Streams)
                {
                    await vault.HashAsync(stream, ct);
                }

                await output.WriteLineAsync($"{id}  whole");
            }
            catch (VaultException wrong)
            {
                damaged++;
                await output.WriteLineAsync($"{id}  damaged: {wrong.Message}");
            }
        }

        return damaged == 0 ? 0 : 1;
    }

    /// <summary>A copy is looked at and never changed, not even where an index is missing.</summary>
    private sealed class ReadOnlyStorage(IVaultStorage inner) : IVaultStorage
    {
        public int ReadBytes => inner.ReadBytes;

        public Task PutAsync(string name, ReadOnlyMemory<byte> bytes, CancellationToken ct) => Task.CompletedTask;

        public Task<byte[]?> ReadAsync(string name, long offset, int length, CancellationToken ct) =>
            inner.ReadAsync(name, offset, length, ct);

        public Task<IReadOnlyList<StoredFile>> ListAsync(string below, CancellationToken ct) => inner.ListAsync(below, ct);

        public Task DeleteAsync(string name, CancellationToken ct) => Task.CompletedTask;

        public Task TidyAsync(CancellationToken ct) => Task.CompletedTask;
    }
}
