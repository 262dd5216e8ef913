using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Snapshots;
using Cloud.Compute.Contracts;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Volumes;

/// <summary>The steps that the sagas of a volume are made of. Each can run twice with the outcome of once.</summary>
internal sealed class VolumeSteps(
    IDbContextFactory<BlockStorageDbContext> databases, VolumeChanges changes, SnapshotSteps snapshots, IVolumeHosts hosts)
{
    public async Task<StepResult> ChooseHostAsync(VolumeSagaData data, CancellationToken ct)
    {
        var host = await hosts.ChooseAsync(ct);
        await changes.ApplyAsync(data.Volume, "placed", (_, row, now) =>
        {
            if (row.HostName is not null)
            {
                return Task.FromResult(false);
            }

            row.GoesTo(host.Name, now);
            return Task.FromResult(true);
        }, ct);
        return StepResult.Done;
    }

    /// <summary>Makes the volume, or grows it.</summary>
    public async Task<StepResult> PutAsync(VolumeSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data, ct);
        await hosts.PutAsync(
            new HostedVolume(row.HostName!, row.Id.Value, row.SizeBytes, row.SourceImage, row.SourceSnapshot, row.SourceVolume)
            {
                Encrypted = row.Encrypted,
                Raw = row.Format == VolumeFormat.Raw,
                WriteThrough = row.Type == VolumeType.Log,
            },
            ct);
        return StepResult.Done;
    }

    public async Task<StepResult> PlugAsync(VolumeSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data, ct);
        if (row is { Status: VolumeStatus.Attaching, Instance: { } instance })
        {
            await hosts.PlugAsync(new PluggedVolume(
                instance, row.HostName!, row.Id.Value, row.ReadOnly, row.OperationsPerSecond, row.BytesPerSecond), ct);
        }

        return StepResult.Done;
    }

    /// <summary>Also what undoes a plug that may have come about.</summary>
    public async Task<StepResult> UnplugAsync(VolumeSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data, ct);
        if (row is { Status: VolumeStatus.Attaching or VolumeStatus.Detaching, Instance: { } instance })
        {
            await hosts.UnplugAsync(instance, row.Id.Value, data.Force, ct);
        }

        return StepResult.Done;
    }

    /// <summary>Undoes a make, unless the volume was said to be there.</summary>
    public async Task<StepResult> TakeBackAsync(VolumeSagaData data, CancellationToken ct) =>
        (await ReadAsync(data, ct)).Status == VolumeStatus.Creating ? await RemoveAsync(data, ct) : StepResult.Done;

    public async Task<StepResult> RemoveAsync(VolumeSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data, ct);
        if (row.HostName is { } host)
        {
            await hosts.DeleteAsync(host, row.Id.Value, ct);
        }

        return StepResult.Done;
    }

    /// <summary>Keeps what the volume holds before it is brought back to something older.</summary>
    public Task<StepResult> KeepSafeAsync(VolumeSagaData data, CancellationToken ct) =>
        snapshots.TakeAsync(new SnapshotSagaData(data.Safety!.Value), ct);

    public async Task<StepResult> RestoreAsync(VolumeSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data, ct);
        if (row.Status == VolumeStatus.Restoring)
        {
            await hosts.RestoreAsync(row.HostName!, row.Id.Value, data.Snapshot!.Value.Value, ct);
        }

        return StepResult.Done;
    }

    /// <summary>The volume is what it was; bytes that it no longer has are not counted, in one commit.</summary>
    public async Task<StepResult> SayRestoredAsync(VolumeSagaData data, CancellationToken ct)
    {
        await changes.ApplyAsync(data.Volume, "restored", async (db, row, now) =>
        {
            if (row.Status != VolumeStatus.Restoring)
            {
                return false;
            }

            var shrunkBy = Math.Max(0, row.SizeBytesBefore - row.SizeBytes);
            row.IsRestored(data.Safety!.Value, now);
            await VolumeQuotas.ReserveAsync(db, row.Project, 0, -shrunkBy, ct);
            return true;
        }, ct);
        return StepResult.Done;
    }

    public Task<StepResult> SayCreatedAsync(VolumeSagaData data, CancellationToken ct) =>
        SayAsync(data, "available", VolumeStatus.Creating, ct);

    public Task<StepResult> SayResizedAsync(VolumeSagaData data, CancellationToken ct) =>
        SayAsync(data, "resized", VolumeStatus.Resizing, ct);

    public Task<StepResult> SayAttachedAsync(VolumeSagaData data, CancellationToken ct) =>
        SayAsync(data, "attached", VolumeStatus.Attaching, ct);

    public Task<StepResult> SayDetachedAsync(VolumeSagaData data, CancellationToken ct) =>
        SayAsync(data, "detached", VolumeStatus.Detaching, ct);

    /// <summary>The row is deleted and what it held of the project's quotas is free, in one commit.</summary>
    public async Task<StepResult> SayDeletedAsync(VolumeSagaData data, CancellationToken ct)
    {
        await changes.ApplyAsync(data.Volume, "deleted", async (db, row, now) =>
        {
            if (row.Status != VolumeStatus.Deleting)
            {
                return false;
            }

            row.IsDeleted(now);
            await VolumeQuotas.ReserveAsync(db, row.Project, -1, -row.SizeBytes, ct);
            return true;
        }, ct);
        return StepResult.Done;
    }

    /// <summary>What was under way has failed for good: the row says so, and a growth that did not come about is not counted.</summary>
    public async Task FailAsync(VolumeSagaData data, string reason, CancellationToken ct)
    {
        if (data.Safety is { } safety)
        {
            await snapshots.FailAsync(new SnapshotSagaData(safety), reason, ct);
        }

        await changes.ApplyAsync(data.Volume, "failed", async (db, row, now) =>
        {
            if (row.Settled)
            {
                return false;
            }

            var wanted = row.SizeBytes;
            row.Fails(reason, now);
            await VolumeQuotas.ReserveAsync(db, row.Project, 0, Math.Min(0, row.SizeBytes - wanted), ct);
            return true;
        }, ct);
    }

    private async Task<StepResult> SayAsync(VolumeSagaData data, string what, VolumeStatus from, CancellationToken ct)
    {
        await changes.ApplyAsync(data.Volume, what, (_, row, now) =>
        {
            if (row.Status != from)
            {
                return Task.FromResult(false);
            }

            row.Settles(now);
            return Task.FromResult(true);
        }, ct);
        return StepResult.Done;
    }

    private async Task<Volume> ReadAsync(VolumeSagaData data, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Volumes.AsNoTracking().SingleOrDefaultAsync(row => row.Id == data.Volume, ct)
            ?? throw CloudException.NotFound("volume", data.Volume.Value);
    }
}
