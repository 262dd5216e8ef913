namespace Cloud.Backup.Vaults.Storage;

/// <summary>Where a vault's files lie. A file is written once, whole, and never changed.</summary>
public interface IVaultStorage
{
    /// <summary>How much is read at once of a pack that is read in parts, in bytes.</summary>
    int ReadBytes { get; }

    /// <summary>
    /// Stores a file under a name, in the place of one that is there. Durable when this returns; on a crash the file is whole or not there.
    /// </summary>
    Task PutAsync(string name, ReadOnlyMemory<byte> bytes, CancellationToken ct);

    /// <summary>Up to <paramref name="length"/> bytes of a file; fewer where it ends before. Null where there is no such file.</summary>
    Task<byte[]?> ReadAsync(string name, long offset, int length, CancellationToken ct);

    /// <summary>All files whose names begin with a folder (<c>packs/</c>), in no order.</summary>
    Task<IReadOnlyList<StoredFile>> ListAsync(string below, CancellationToken ct);

    /// <summary>Removes a file; done where there is none.</summary>
    Task DeleteAsync(string name, CancellationToken ct);

    /// <summary>Removes what a process that died has left of files that it was storing. Only the vault's writer asks.</summary>
    Task TidyAsync(CancellationToken ct);
}

/// <summary>A file of a vault.</summary>
public sealed record StoredFile(string Name, long SizeBytes);
