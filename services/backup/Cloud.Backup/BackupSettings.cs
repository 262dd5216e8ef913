using Microsoft.Extensions.Options;

namespace Cloud.Backup;

/// <summary>Where the service may keep what.</summary>
internal sealed class BackupSettings(IOptions<BackupOptions> options)
{
    /// <summary>Whether a path lies in the cloud's own folder, where no user's vault may.</summary>
    public bool IsOwn(string path) => !Path.GetRelativePath(options.Value.Data, path).StartsWith("..", StringComparison.Ordinal);
}
