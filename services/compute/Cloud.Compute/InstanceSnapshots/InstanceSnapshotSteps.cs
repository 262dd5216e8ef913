using Cloud.Compute.Hosts;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.InstanceSnapshots;

/// <summary>The steps that the sagas of an instance's snapshot are made of. Each can run twice with the outcome of once.</summary>
internal sealed class InstanceSnapshotSteps(
    IDbContextFactory<ComputeDbContext> databases, InstanceSnapshotChanges changes, HostDirectory hosts)
{
    public const string Quota = "instanceSnapshots";

    public async Task<StepResult> TakeAsync(InstanceSnapshotSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data, ct);
        if (row.Status != InstanceSnapshotStatus.Creating)
        {
            return StepResult.Done;
        }

        var taken = await hosts.AgentOf(row.HostName).SnapshotAsync(row.Instance.Value, row.Id.Value, withVolumes: true, ct);
        await changes.ApplyAsync(data.Snapshot, "available", (_, snapshot, now) =>
        {
            if (snapshot.Status != InstanceSnapshotStatus.Creating)
            {
                return Task.FromResult(false);
            }

            snapshot.IsTaken(taken.StoredBytes, now);
            return Task.FromResult(true);
        }, ct);
        return StepResult.Done;
    }

    /// <summary>Undoes a take, unless the snapshot was said to be there.</summary>
    public async Task<StepResult> TakeBackAsync(InstanceSnapshotSagaData data, CancellationToken ct) =>
        (await ReadAsync(data, ct)).Status == InstanceSnapshotStatus.Creating ? await RemoveAsync(data, ct) : StepResult.Done;

    public async Task<StepResult> RemoveAsync(InstanceSnapshotSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data, ct);
        await hosts.AgentOf(row.HostName).DeleteGuestSnapshotAsync(row.Id.Value, ct);
        return StepResult.Done;
    }

    /// <summary>The row is deleted and what it held of the project's quota is free, in one commit.</summary>
    public async Task<StepResult> SayDeletedAsync(InstanceSnapshotSagaData data, CancellationToken ct)
    {
        await changes.ApplyAsync(data.Snapshot, "deleted", async (db, row, now) =>
        {
            if (row.Status != InstanceSnapshotStatus.Deleting)
            {
                return false;
            }

            row.IsDeleted(now);
            await db.Quotas().ReserveAsync(row.Project, Quota, -1, ct);
            return true;
        }, ct);
        return StepResult.Done;
    }

    /// <summary>What was under way has failed for good: the row says so.</summary>
    public Task FailAsync(InstanceSnapshotSagaData data, string reason, CancellationToken ct) =>
        changes.ApplyAsync(data.Snapshot, "failed", (_, row, now) =>
        {
            if (row.Settled)
            {
                return Task.FromResult(false);
            }

            row.Fails(reason, now);
            return Task.FromResult(true);
        }, ct);

    private async Task<InstanceSnapshot> ReadAsync(InstanceSnapshotSagaData data, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.InstanceSnapshots.AsNoTracking().SingleOrDefaultAsync(row => row.Id == data.Snapshot, ct)
            ?? throw CloudException.NotFound("snapshot", data.Snapshot.Value);
    }
}
