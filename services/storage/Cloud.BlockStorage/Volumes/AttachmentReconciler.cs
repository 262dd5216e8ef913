using Cloud.BlockStorage.Persistence;
using Cloud.Compute.Contracts;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Volumes;

/// <summary>
/// Compares who has each volume by the rows and by its host. They differ where a host was away for longer than was waited for: what it
/// holds against the row is taken back, and what it lost is given again. A volume that was deleted meanwhile goes.
/// </summary>
internal sealed partial class AttachmentReconciler(
    IDbContextFactory<BlockStorageDbContext> databases, IVolumeHosts hosts, TimeProvider time, ILogger<AttachmentReconciler> log)
    : IReconciler
{
    /// <summary>How often they are compared.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromMinutes(1);

    /// <summary>Who changed since is not judged: its saga may be at work.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromMinutes(2);

    public async Task ReconcileAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var names = await db.Volumes.AsNoTracking().Where(row => row.HostName != null).Select(row => row.HostName!).Distinct()
            .ToListAsync(ct);
        foreach (var host in names)
        {
            try
            {
                await ReconcileAsync(db, host, ct);
            }
            catch (CloudException away) when (away.Kind == ErrorKind.Unavailable)
            {
                LogAway(log, host);
            }
        }
    }

    private async Task ReconcileAsync(BlockStorageDbContext db, string host, CancellationToken ct)
    {
        // The host first: a row that is changed after this look is newer than it and is not judged by it.
        var held = (await hosts.ListAsync(host, ct)).ToDictionary(volume => volume.Volume, StringComparer.Ordinal);
        var before = time.GetUtcNow() - Settling;
        var rows = await db.Volumes.AsNoTracking().Where(row => row.HostName == host).ToListAsync(ct);
        foreach (var row in rows.Where(row => row.Settled && row.UpdatedAt < before && held.ContainsKey(row.Id.Value)))
        {
            try
            {
                await JudgeAsync(row, held[row.Id.Value].Instance, ct);
            }
            catch (CloudException refused) when (refused.Kind is ErrorKind.Conflict or ErrorKind.NotFound)
            {
                LogRefused(log, row.Id.Value, refused.Message);
            }
        }
    }

    private async Task JudgeAsync(Volume row, string? holder, CancellationToken ct)
    {
        if (row.Status == VolumeStatus.Attached && row.Instance is { } instance && holder is null)
        {
            if (await hosts.FindInstanceAsync(row.Project, instance, ct) is { Goes: false })
            {
                LogGiven(log, row.Id.Value, instance);
                await hosts.PlugAsync(
                    new PluggedVolume(
                        instance, row.HostName!, row.Id.Value, row.ReadOnly, row.OperationsPerSecond, row.BytesPerSecond), ct);
            }
        }
        else if (holder is not null && holder != row.Instance)
        {
            LogTaken(log, row.Id.Value, holder);
            await hosts.UnplugAsync(holder, row.Id.Value, force: false, ct);
        }
        else if (row.Status == VolumeStatus.Deleted)
        {
            LogRemoved(log, row.Id.Value);
            await hosts.DeleteAsync(row.HostName!, row.Id.Value, ct);
        }
    }

    [LoggerMessage(EventId = 8101, Level = LogLevel.Information, Message = "Host {Host} is away: who has its volumes is not compared now")]
    private static partial void LogAway(ILogger log, string host);

    [LoggerMessage(EventId = 8102, Level = LogLevel.Warning, Message = "Instance {Instance} had lost volume {Volume}: it is given again")]
    private static partial void LogGiven(ILogger log, string volume, string instance);

    [LoggerMessage(EventId = 8103, Level = LogLevel.Warning, Message = "Instance {Instance} had volume {Volume} still: it is taken back")]
    private static partial void LogTaken(ILogger log, string volume, string instance);

    [LoggerMessage(EventId = 8104, Level = LogLevel.Warning, Message = "Volume {Volume} was deleted and is removed from its host")]
    private static partial void LogRemoved(ILogger log, string volume);

    [LoggerMessage(EventId = 8105, Level = LogLevel.Information, Message = "Who has volume {Volume} could not be repaired yet: {Reason}")]
    private static partial void LogRefused(ILogger log, string volume, string reason);
}
