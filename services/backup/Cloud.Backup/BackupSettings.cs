using Cloud.Backup.Vaults;
using Microsoft.Extensions.Options;

namespace Cloud.Backup;

/// <summary>Where the service may keep what.</summary>
internal sealed class BackupSettings(IOptions<BackupOptions> options)
{
    /// <summary>The folder of a vault that the cloud keeps itself.</summary>
    public string FolderOf(VaultId vault) => Path.Combine(options.Value.Folder, vault.Value);

    /// <summary>Whether a path lies in the cloud's own folder, where no user's vault may.</summary>
    public bool IsOwn(string path) => !Path.GetRelativePath(options.Value.Data, path).StartsWith("..", StringComparison.Ordinal);
}
