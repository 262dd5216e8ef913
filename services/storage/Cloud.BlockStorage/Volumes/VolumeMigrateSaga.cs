using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Snapshots;
using Cloud.Compute.Contracts;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Volumes;

/// <summary>
/// Takes a volume that no instance has to another host. Both have it until the row says which: the copy is made anew by every try, and the
/// host that does not have it then forgets it.
/// </summary>
internal sealed class VolumeMigrateSaga(VolumeChanges changes, VolumeSteps steps, IVolumeHosts hosts) : Saga<VolumeSagaData>
{
    private static readonly TimeSpan CopyLimit = TimeSpan.FromHours(6);

    public override IReadOnlyList<SagaStep<VolumeSagaData>> Steps =>
    [
        new("copy-volume", CopyAsync, limit: CopyLimit),
        new("say-migrated", SayMigratedAsync),
    ];

    public override async Task FailedAsync(VolumeSagaData data, string reason, CancellationToken ct)
    {
        await hosts.KeepAsync(data.From!, data.Volume.Value, ct);
        await steps.FailAsync(data, $"It was not migrated: {reason}", ct);
        await changes.ApplyAsync(data.Volume, "changed", (db, row, _) =>
        {
            if (row.HostName == data.From)
            {
                ForgetAt(db, data, data.To!);
            }

            return Task.FromResult(row.HostName == data.From);
        }, ct);
    }

    private async Task<StepResult> CopyAsync(VolumeSagaData data, CancellationToken ct)
    {
        await hosts.CopyToAsync(data.From!, data.Volume.Value, data.To!, ct);
        return StepResult.Done;
    }

    private async Task<StepResult> SayMigratedAsync(VolumeSagaData data, CancellationToken ct)
    {
        await changes.ApplyAsync(data.Volume, "migrated", async (db, row, now) =>
        {
            if (row is not { Status: VolumeStatus.Migrating, Instance: null })
            {
                return false;
            }

            row.IsMigrated(data.To!, now);
            await db.TakeSnapshotsAlongAsync(row, now, ct);
            ForgetAt(db, data, data.From!);
            return true;
        }, ct);
        return StepResult.Done;
    }

    private static void ForgetAt(BlockStorageDbContext db, VolumeSagaData data, string host) =>
        db.Sagas().Start<VolumeDepartureSaga, VolumeDepartureSagaData>(
            new VolumeDepartureSagaData(data.Volume, host), $"{data.Volume} {host}");
}

/// <summary>Which volume has gone from which host.</summary>
public sealed record VolumeDepartureSagaData(VolumeId Volume, string Host);

/// <summary>Has the host that a volume has left forget what it had of it; it runs beside whatever is done with the volume.</summary>
internal sealed class VolumeDepartureSaga(IDbContextFactory<BlockStorageDbContext> databases, IVolumeHosts hosts)
    : Saga<VolumeDepartureSagaData>
{
    private static readonly TimeSpan Limit = TimeSpan.FromDays(7);
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);

    public override IReadOnlyList<SagaStep<VolumeDepartureSagaData>> Steps => [new("forget-volume", ForgetAsync, limit: Limit)];

    public override Task FailedAsync(VolumeDepartureSagaData data, string reason, CancellationToken ct) => Task.CompletedTask;

    private async Task<StepResult> ForgetAsync(VolumeDepartureSagaData data, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var row = await db.Volumes.AsNoTracking().SingleAsync(row => row.Id == data.Volume, ct);

        if (row.Status == VolumeStatus.Migrating)
        {
            // Perhaps back to there.
            return StepResult.Again(LookAgain);
        }

        if (row.HostName != data.Host)
        {
            await hosts.ForgetAsync(data.Host, data.Volume.Value, ct);
        }

        return StepResult.Done;
    }
}
