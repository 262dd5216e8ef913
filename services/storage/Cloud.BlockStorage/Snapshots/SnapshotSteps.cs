using Cloud.BlockStorage.Persistence;
using Cloud.Compute.Contracts;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Snapshots;

/// <summary>The steps that the sagas of a snapshot are made of. Each can run twice with the outcome of once.</summary>
internal sealed class SnapshotSteps(IDbContextFactory<BlockStorageDbContext> databases, SnapshotChanges changes, IVolumeHosts hosts)
{
    public async Task<StepResult> TakeAsync(SnapshotSagaData data, CancellationToken ct)
    {
        var rows = await ReadAllAsync(data, ct);
        if (rows.All(row => row.Status != SnapshotStatus.Creating))
        {
            return StepResult.Done;
        }

        var wanted = rows.ToDictionary(row => row.Volume.Value, row => row.Id.Value, StringComparer.Ordinal);
        if (data.Root is { } root)
        {
            wanted[root.Instance] = root.Snapshot;
        }

        foreach (var taken in (await hosts.SnapshotAsync(rows[0].HostName, wanted, ct)).Where(taken => taken.Id != data.Root?.Snapshot))
        {
            await changes.ApplyAsync(new SnapshotId(taken.Id), "available", (_, snapshot, now) =>
            {
                if (snapshot.Status != SnapshotStatus.Creating)
                {
                    return Task.FromResult(false);
                }

                snapshot.IsTaken(taken.SizeBytes, taken.FileSystemsFrozen, now);
                return Task.FromResult(true);
            }, ct);
        }

        return StepResult.Done;
    }

    /// <summary>Undoes a take, unless the snapshot was said to be there.</summary>
    public async Task<StepResult> TakeBackAsync(SnapshotSagaData data, CancellationToken ct)
    {
        foreach (var row in (await ReadAllAsync(data, ct)).Where(row => row.Status == SnapshotStatus.Creating))
        {
            await hosts.DeleteSnapshotAsync(row.HostName, row.Id.Value, ct);
            if (data.Root is { } root)
            {
                await hosts.DeleteSnapshotAsync(row.HostName, root.Snapshot, ct);
            }
        }

        return StepResult.Done;
    }

    public async Task<StepResult> RemoveAsync(SnapshotSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data, ct);
        await hosts.DeleteSnapshotAsync(row.HostName, row.Id.Value, ct);
        return StepResult.Done;
    }

    /// <summary>The row is deleted and what it held of the project's quota is free, in one commit.</summary>
    public async Task<StepResult> SayDeletedAsync(SnapshotSagaData data, CancellationToken ct)
    {
        await changes.ApplyAsync(data.Snapshot, "deleted", async (db, row, now) =>
        {
            if (row.Status != SnapshotStatus.Deleting)
            {
                return false;
            }

            row.IsDeleted(now);
            await db.Quotas().ReserveAsync(row.Project, "snapshots", -1, ct);
            return true;
        }, ct);
        return StepResult.Done;
    }

    /// <summary>What was under way has failed for good: the rows say so.</summary>
    public async Task FailAsync(SnapshotSagaData data, string reason, CancellationToken ct)
    {
        foreach (var id in data.All)
        {
            await changes.ApplyAsync(id, "failed", (_, row, now) =>
            {
                if (row.Settled)
                {
                    return Task.FromResult(false);
                }

                row.Fails(reason, now);
                return Task.FromResult(true);
            }, ct);
        }
    }

    private async Task<IReadOnlyList<Snapshot>> ReadAllAsync(SnapshotSagaData data, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = await db.Snapshots.AsNoTracking().Where(row => data.All.Contains(row.Id)).ToListAsync(ct);
        return rows.Count == data.All.Count ? rows : throw CloudException.NotFound("snapshot", data.Snapshot.Value);
    }

    private async Task<Snapshot> ReadAsync(SnapshotSagaData data, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Snapshots.AsNoTracking().SingleOrDefaultAsync(row => row.Id == data.Snapshot, ct)
            ?? throw CloudException.NotFound("snapshot", data.Snapshot.Value);
    }
}
