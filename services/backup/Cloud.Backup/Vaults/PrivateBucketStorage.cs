using Cloud.Backup.Vaults.Storage;
using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;

namespace Cloud.Backup.Vaults;

/// <summary>A vault in a private bucket of the cloud's object storage, which no user sees and no quota counts, below a prefix.</summary>
/// <param name="prefix">It ends in a slash.</param>
internal sealed class PrivateBucketStorage(IPrivateObjects objects, string prefix) : IVaultStorage
{
    /// <summary>One for all vaults.</summary>
    public const string Bucket = "vaults";

    /// <summary>What the object storage seals by itself, so that what is lost is found apart from what is not.</summary>
    private const int PieceBytes = 64 * 1024;

    public int ReadBytes => 1024 * 1024;

    public async Task PutAsync(string name, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        using var body = new MemoryStream(bytes.ToArray(), writable: false);
        await objects.PutAsync(Bucket, prefix + name, body, ct);
    }

    public async Task<byte[]?> ReadAsync(string name, long offset, int length, CancellationToken ct)
    {
        try
        {
            return await objects.ReadAsync(Bucket, prefix + name, offset, length, ct);
        }
        catch (CloudException lost) when (lost.Code == IPrivateObjects.Damaged)
        {
            return await SalvageAsync(name, offset, length, ct);
        }
    }

    public async Task<IReadOnlyList<StoredFile>> ListAsync(string below, CancellationToken ct) =>
        [.. (await objects.ListAsync(Bucket, prefix + below, ct)).Select(one => new StoredFile(one.Key[prefix.Length..], one.SizeBytes))];

    public Task DeleteAsync(string name, CancellationToken ct) => objects.DeleteAsync(Bucket, prefix + name, ct);

    /// <summary>An object is whole or not there.</summary>
    public Task TidyAsync(CancellationToken ct) => Task.CompletedTask;

    /// <summary>What is left of a part, with zeros for what is lost: the vault itself knows which chunks these were.</summary>
    private async Task<byte[]?> SalvageAsync(string name, long offset, int length, CancellationToken ct)
    {
        using var left = new MemoryStream();
        while (left.Length < length)
        {
            var at = offset + left.Length;
            var wanted = (int)Math.Min(PieceBytes - (at % PieceBytes), length - left.Length);
            byte[]? piece;
            try
            {
                piece = await objects.ReadAsync(Bucket, prefix + name, at, wanted, ct);
            }
            catch (CloudException lost) when (lost.Code == IPrivateObjects.Damaged)
            {
                piece = new byte[wanted];
            }

            if (piece is null)
            {
                return null;
            }

            left.Write(piece);
            if (piece.Length < wanted)
            {
                break;
            }
        }

        return left.ToArray();
    }
}
