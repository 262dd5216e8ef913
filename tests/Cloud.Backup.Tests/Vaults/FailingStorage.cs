using Cloud.Backup.Vaults.Storage;

namespace Cloud.Backup.Tests.Vaults;

/// <summary>A storage that dies at a change, as a process does: from then on nothing is changed any more.</summary>
internal sealed class FailingStorage(IVaultStorage inner) : IVaultStorage
{
    private int _left = int.MaxValue;

    public int ReadBytes => inner.ReadBytes;

    /// <summary>How many changes were made.</summary>
    public int Changes { get; private set; }

    public bool IsDead => _left == 0;

    public void DieAfter(int changes) => _left = changes;

    public Task PutAsync(string name, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
        Change();
        return inner.PutAsync(name, bytes, ct);
    }

    public Task<byte[]?> ReadAsync(string name, long offset, int length, CancellationToken ct) => inner.ReadAsync(name, offset, length, ct);

    public Task<IReadOnlyList<StoredFile>> ListAsync(string below, CancellationToken ct) => inner.ListAsync(below, ct);

    public Task DeleteAsync(string name, CancellationToken ct)
    {
        Change();
        return inner.DeleteAsync(name, ct);
    }

    public Task TidyAsync(CancellationToken ct) => inner.TidyAsync(ct);

    private void Change()
    {
        if (_left == 0)
        {
            throw new IOException("The process is dead.");
        }

        _left--;
        Changes++;
    }
}
