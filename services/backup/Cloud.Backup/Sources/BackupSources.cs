using Cloud.Primitives;

namespace Cloud.Backup.Sources;

/// <summary>All kinds of resources that can be backed up.</summary>
internal sealed class BackupSources(IEnumerable<IBackupSource> sources)
{
    private readonly List<IBackupSource> _sources = [.. sources];

    public IReadOnlyList<IBackupSource> All => _sources;

    public IBackupSource? FindOf(string resource) => _sources.Find(source => source.Owns(resource));

    public IBackupSource Of(string resource) => FindOf(resource)
        ?? throw CloudException.Invalid("resource", $"There is no backup of '{resource}': its kind is not known.");

    public IBackupSource OfKind(string kind) => _sources.Find(source => source.Kind == kind)
        ?? throw new CloudException(ErrorKind.Unprocessable, "kind-not-known", $"There is no restore of a {kind} here.");
}
