using Cloud.BlockStorage.Content;
using Cloud.BlockStorage.Contracts;
using Cloud.BlockStorage.Persistence;
using Cloud.BlockStorage.Snapshots;
using Cloud.BlockStorage.Volumes;
using Cloud.Compute.Contracts;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Neighbours;

/// <summary>What the cloud's other services ask of block storage: the same rows, guards and sagas as a user's calls.</summary>
internal sealed class BlockStorageService(
    IDbContextFactory<BlockStorageDbContext> databases, VolumeChanges changes, VolumeWaiter waiter, SnapshotChanges snapshotChanges,
    SnapshotWaiter snapshotWaiter, IVolumeHosts hosts, TimeProvider time) : IBlockStorage
{
    /// <summary>How long a call is held for what usually takes less than a second.</summary>
    private static readonly WaitQuery AWhile = new(TimeSpan.FromSeconds(5));

    public async Task<BlockVolume?> FindVolumeAsync(string project, string volume, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Volumes.AsNoTracking().FindNamedOrDefaultAsync(project, volume, ct) is { } row ? ViewOf(row) : null;
    }

    public async Task<IReadOnlyList<string>> ListVolumesAsync(
        string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = db.Volumes.AsNoTracking().Existing().Where(row => row.Project == project && row.Status != VolumeStatus.Deleting);
        foreach (var (key, value) in labels)
        {
            var line = Labels.Line(key, value);
            rows = rows.Where(row => row.LabelText.Contains(line));
        }

        return (await rows.OrderBy(row => row.Id).Select(row => row.Id).ToListAsync(ct)).Select(id => id.Value).ToList();
    }

    public async Task<IReadOnlyList<AttachedBlockVolume>> ListAttachedAsync(string project, string instance, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = await db.Volumes.AsNoTracking().Existing()
            .Where(row => row.Project == project && row.Instance == instance && row.Status == VolumeStatus.Attached).ToListAsync(ct);
        return rows.OrderBy(row => row.AttachedAt).ThenBy(row => row.Id.Value, StringComparer.Ordinal)
            .Select(row => new AttachedBlockVolume(ViewOf(row), row.ReadOnly, row.DeleteOnTermination)).ToList();
    }

    public async Task<BlockVolume> CreateVolumeAsync(NewBlockVolume volume, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var row = await db.Volumes.AsNoTracking().Existing()
            .SingleOrDefaultAsync(one => one.Project == volume.Project && one.Name == volume.Name, ct);
        row ??= await CreateVolume.StartAsync(
            new CreateVolumeRequest
            {
                Name = volume.Name,
                SizeBytes = volume.SizeBytes is { } sizeBytes ? new ByteSize(sizeBytes) : null,
                Snapshot = volume.Snapshot,
                Volume = volume.Volume,
                Type = volume.IsLog ? VolumeType.Log : null,
                Format = volume.IsLog ? VolumeFormat.Raw : VolumeFormat.Qcow2,
                Labels = volume.Labels,
            },
            CallerFor(volume.Project), db, hosts, time, ct, volume.Host);
        return ViewOf(await waiter.WaitAsync(row, AWhile, ct));
    }

    public async Task<BlockVolume> GrowVolumeAsync(string project, string volume, long sizeBytes, CancellationToken ct)
    {
        var wanted = VolumeSize.Require(sizeBytes);
        var found = await RequireAsync(project, volume, ct);
        await changes.ApplyAsync(found.Id, "resizing", async (db, row, now) =>
        {
            var before = row.SizeBytes;
            if (before >= wanted || row.Status == VolumeStatus.Resizing)
            {
                return false;
            }

            row.BeginResize(wanted, now);
            await VolumeQuotas.ReserveAsync(db, row.Project, 0, wanted - before, ct);
            db.Sagas().Start<VolumeResizeSaga, VolumeSagaData>(new VolumeSagaData(row.Id), row.Id.Value);
            return true;
        }, ct);
        return ViewOf(await waiter.WaitAsync(found, AWhile, ct));
    }

    public async Task<bool> DeleteVolumeAsync(string project, string volume, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (await db.Volumes.AsNoTracking().FindNamedOrDefaultAsync(project, volume, ct) is not { } found)
        {
            return true;
        }

        await changes.ApplyAsync(found.Id, "deleting", (own, row, now) =>
        {
            var begins = row.Status is not (VolumeStatus.Deleting or VolumeStatus.Deleted);
            if (begins)
            {
                row.BeginDelete(now);
                own.Sagas().Start<VolumeDeleteSaga, VolumeSagaData>(new VolumeSagaData(row.Id), row.Id.Value);
            }

            return Task.FromResult(begins);
        }, ct);
        return (await waiter.WaitAsync(found, AWhile, ct)).Status == VolumeStatus.Deleted;
    }

    public async Task<IReadOnlyList<BlockSnapshot>> SnapshotAsync(
        string project, IReadOnlyDictionary<string, string> names, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var rows = await db.Snapshots.AsNoTracking().Existing()
            .Where(row => row.Project == project && names.Values.Contains(row.Name)).ToListAsync(ct);
        if (rows.Count == 0)
        {
            var wanted = new List<(Volume, string)>();
            foreach (var (volume, name) in names.Where(one => !IsInstance(one.Key)))
            {
                wanted.Add((await RequireAsync(project, volume, ct), name));
            }

            var root = names.Where(one => IsInstance(one.Key)).Select(one => new RootSnapshot(one.Key, one.Value)).SingleOrDefault();
            rows.AddRange(await CreateSnapshot.StartAsync(db, wanted, Labels.None, time, ct, root));
        }

        var views = new List<BlockSnapshot>();
        foreach (var row in rows)
        {
            views.Add(ViewOf(await snapshotWaiter.WaitAsync(row, AWhile, ct)));
        }

        return views;
    }

    public async Task<BlockSnapshot?> FindSnapshotAsync(string project, string snapshot, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Snapshots.AsNoTracking().FindNamedOrDefaultAsync(project, snapshot, ct) is { } row ? ViewOf(row) : null;
    }

    public async Task<bool> DeleteSnapshotAsync(string project, string snapshot, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (await db.Snapshots.AsNoTracking().FindNamedOrDefaultAsync(project, snapshot, ct) is not { } found)
        {
            return true;
        }

        await snapshotChanges.BeginDeleteAsync(found.Id, ct);
        return (await snapshotWaiter.WaitAsync(found, AWhile, ct)).Status == SnapshotStatus.Deleted;
    }

    public async Task<Stream> ReadAsync(string project, string source, long offset, long lengthBytes, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (await db.Snapshots.AsNoTracking().FindNamedOrDefaultAsync(project, source, ct) is { } snapshot)
        {
            snapshot.RequireAvailable();
            return await hosts.ReadContentAsync(snapshot.HostName, snapshot.Id.Value, offset, lengthBytes, ct);
        }

        var volume = await RequireAsync(project, source, ct);
        volume.RequireStill("read");
        return await hosts.ReadContentAsync(volume.HostName!, volume.Id.Value, offset, lengthBytes, ct);
    }

    public async Task<Stream> ExportAsync(string project, string source, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        if (await db.Snapshots.AsNoTracking().FindNamedOrDefaultAsync(project, source, ct) is { } snapshot)
        {
            snapshot.RequireAvailable();
            return await GetContent.OpenAsync(hosts, snapshot.HostName, snapshot.Id.Value, snapshot.SizeBytes, isQcow2: true, ct);
        }

        var volume = await RequireAsync(project, source, ct);
        volume.RequireStill("read");
        return await GetContent.OpenAsync(hosts, volume.HostName!, volume.Id.Value, volume.SizeBytes, isQcow2: true, ct);
    }

    public async Task WriteAsync(string project, string volume, long offset, Stream content, CancellationToken ct)
    {
        var row = await RequireAsync(project, volume, ct);
        row.RequireStill("written");
        await foreach (var _ in PutContent.WriteAsync(hosts, row, offset, null, content, staged: false, ct))
        {
            // Written already; nobody asks for its checksum here.
        }
    }

    public async Task<BlockExtents> ListChangesAsync(
        string project, string snapshot, string? since, long offset, int countMax, CancellationToken ct)
    {
        var own = await RequireSnapshotAsync(project, snapshot, ct);
        var older = since is null ? null : await RequireSnapshotAsync(project, since, ct);
        var page = await hosts.ListExtentsAsync(own.HostName, own.Id.Value, older?.Id.Value, offset, countMax, ct);
        return new BlockExtents(
            page.Extents.Select(extent => new BlockExtent(extent.Offset, extent.LengthBytes)).ToList(), page.NextOffset);
    }

    public async Task<BlockVolume> DetachAsync(string project, string volume, bool force, CancellationToken ct)
    {
        var found = await RequireAsync(project, volume, ct);
        await changes.ApplyAsync(found.Id, "detaching", (db, row, now) =>
        {
            var begins = row.Status is not (VolumeStatus.Available or VolumeStatus.Detaching);
            if (begins)
            {
                row.BeginDetach(now);
                db.Sagas().Start<VolumeDetachSaga, VolumeSagaData>(new VolumeSagaData(row.Id, force), row.Id.Value);
            }

            return Task.FromResult(begins);
        }, ct);
        return ViewOf(await waiter.WaitAsync(found, AWhile, ct));
    }

    public async Task<BlockVolume> AttachAsync(BlockAttachment attachment, CancellationToken ct)
    {
        var volume = await RequireAsync(attachment.Project, attachment.Volume, ct);
        await changes.ApplyAsync(volume.Id, "attaching", (db, row, now) =>
        {
            if (row.Instance == attachment.Instance)
            {
                return Task.FromResult(false);
            }

            row.BeginAttach(attachment.Instance, attachment.ReadOnly, attachment.DeleteOnTermination, now);
            db.Sagas().Start<VolumeAttachSaga, VolumeSagaData>(new VolumeSagaData(row.Id), row.Id.Value);
            return Task.FromResult(true);
        }, ct);
        var latest = await waiter.WaitAsync(volume, AWhile, ct);
        return latest.Instance == attachment.Instance
            ? ViewOf(latest)
            : throw CloudException.Conflict("volume-not-attached", $"Volume '{latest.Name}' was not attached: {latest.StatusReason}");
    }

    public async Task ReleaseAsync(string project, string instance, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        foreach (var volume in await OfInstanceAsync(db, project, instance, ct))
        {
            await changes.ApplyAsync(volume, "detached", (_, row, now) =>
            {
                var has = row.Instance == instance;
                if (has)
                {
                    row.IsOrphaned(now);
                }

                return Task.FromResult(has);
            }, ct);
        }
    }

    public async Task BeginMoveAsync(string project, string instance, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var volumes = await OfInstanceAsync(db, project, instance, ct);
        await db.RequireSnapshotsAtRestAsync(volumes, ct);
        foreach (var volume in volumes)
        {
            await changes.ApplyAsync(volume, "migrating", (_, row, now) =>
            {
                var begins = row.Instance == instance && row.Status != VolumeStatus.Migrating;
                if (begins)
                {
                    row.BeginMigrate(now);
                }

                return Task.FromResult(begins);
            }, ct);
        }
    }

    public async Task EndMoveAsync(string project, string instance, string host, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        foreach (var volume in await OfInstanceAsync(db, project, instance, ct))
        {
            await changes.ApplyAsync(volume, "migrated", async (own, row, now) =>
            {
                if (row.Instance != instance || row.Status != VolumeStatus.Migrating)
                {
                    return false;
                }

                row.IsMigrated(host, now);
                await own.TakeSnapshotsAlongAsync(row, now, ct);
                return true;
            }, ct);
        }
    }

    private static Task<List<VolumeId>> OfInstanceAsync(
        BlockStorageDbContext db, string project, string instance, CancellationToken ct) =>
        db.Volumes.AsNoTracking().Existing().Where(row => row.Project == project && row.Instance == instance)
            .OrderBy(row => row.Id).Select(row => row.Id).ToListAsync(ct);

    private static bool IsInstance(string id) => id.StartsWith("i-", StringComparison.Ordinal);

    private async Task<Volume> RequireAsync(string project, string volume, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Volumes.AsNoTracking().FindNamedOrDefaultAsync(project, volume, ct)
            ?? throw CloudException.NotFound("volume", volume);
    }

    private async Task<Snapshot> RequireSnapshotAsync(string project, string snapshot, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var row = await db.Snapshots.AsNoTracking().FindNamedOrDefaultAsync(project, snapshot, ct)
            ?? throw CloudException.NotFound("snapshot", snapshot);
        row.RequireAvailable();
        return row;
    }

    private static Caller CallerFor(string project) => new(BlockStorageSetup.Name, "", project, project, Role.Editor);

    private static BlockSnapshot ViewOf(Snapshot row) => new(
        row.Id.Value, row.Name, EnumWords.Of(row.Status), row.StatusReason, row.Volume.Value, row.SizeBytes, row.FileSystemsFrozen);

    private static BlockVolume ViewOf(Volume row) => new(
        row.Id.Value, row.Name, EnumWords.Of(row.Status), row.StatusReason, row.SizeBytes, row.HostName, row.Instance)
    {
        Labels = row.Labels.ToDictionary(StringComparer.Ordinal),
    };
}
