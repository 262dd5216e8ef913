using Cloud.Backup.Sources;
using Cloud.Backup.Vaults;

namespace Cloud.Backup.Jobs;

/// <summary>What a job that runs has done.</summary>
internal sealed class JobMeter
{
    private VaultWriter? _writer;

    public RunProgress Progress { get; } = new();

    public void Measure(VaultWriter writer) => _writer = writer;

    public JobProgress Read() => new(Progress.Total, Progress.Read, _writer?.StoredBytes ?? 0, _writer?.NewChunks ?? 0);
}
