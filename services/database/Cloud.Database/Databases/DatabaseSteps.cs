using Cloud.Database.Archive;
using Cloud.Database.Engines;
using Cloud.Database.Persistence;
using Cloud.Database.Servers;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Databases;

/// <summary>The steps that the sagas of a database are made of. Each can run twice with the outcome of once.</summary>
internal sealed class DatabaseSteps(
    IDbContextFactory<DatabaseDbContext> databases, DatabaseChanges changes, DatabaseTurns turns, ServerPlaces places,
    ServerEngines engines, DatabaseArchive archive)
{
    /// <summary>Fills the folder of its generation: as an empty server, a copy of a running one, or what an archive holds.</summary>
    public async Task<StepResult> MakeServerAsync(DatabaseSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data.Database, ct);
        var engine = engines.Of(row);
        using var turn = await turns.TakeAsync(row.Id, ct);
        if (data.Staged is { } staged)
        {
            await engine.LayOutAsync(row, row.Generation, staged, data.To, ct);
        }
        else if (data.Source is not { } source)
        {
            await engine.MakeAsync(row, ct);
        }
        else if (data.Copies)
        {
            await engine.CopyAsync(await ReadAsync(source, ct), row, ct);
        }
        else
        {
            await engine.RestoreAsync(row, row.Generation, source, data.To, ct);
        }

        return StepResult.Done;
    }

    /// <summary>Undoes a make, unless the database was said to be there.</summary>
    public async Task<StepResult> TakeServerBackAsync(DatabaseSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data.Database, ct);
        if (row.Status == DatabaseStatus.Provisioning)
        {
            using var turn = await turns.TakeAsync(row.Id, ct);
            await engines.Of(row).StopAsync(row, ct);
            await places.Of(row).RemoveAsync(row, row.Generation, ct);
        }

        return StepResult.Done;
    }

    /// <summary>Lays out what a restore in place goes to, beside what it comes from.</summary>
    public async Task<StepResult> MakeGenerationAsync(DatabaseSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data.Database, ct);
        if (data.Staged is { } staged)
        {
            await engines.Of(row).LayOutAsync(row, data.Generation, staged, data.To, ct);
        }
        else
        {
            await engines.Of(row).RestoreAsync(row, data.Generation, data.Database, data.To, ct);
        }

        return StepResult.Done;
    }

    public async Task<StepResult> RemoveGenerationAsync(DatabaseSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data.Database, ct);
        if (row.Status == DatabaseStatus.Restoring)
        {
            await places.Of(row).RemoveAsync(row, data.Generation, ct);
        }

        return StepResult.Done;
    }

    /// <summary>Has the database use the other generation. Its server does not run.</summary>
    public async Task<StepResult> SwitchAsync(DatabaseSagaData data, CancellationToken ct)
    {
        await changes.ApplyAsync(data.Database, "restoring", (_, row, now) =>
        {
            var switches = row.Status == DatabaseStatus.Restoring && row.Generation != data.Generation;
            if (switches)
            {
                row.SwitchTo(data.Generation, now);
            }

            return Task.FromResult(switches);
        }, ct);
        return StepResult.Done;
    }

    public Task SwitchBackAsync(DatabaseSagaData data, CancellationToken ct) =>
        changes.ApplyAsync(data.Database, "restoring", (_, row, now) =>
        {
            var switches = row.Status == DatabaseStatus.Restoring && row.Generation != data.From;
            if (switches)
            {
                row.SwitchBack(data.From, data.Safety, now);
            }

            return Task.FromResult(switches);
        }, ct);

    /// <summary>A safety copy that another has followed is nobody's way back any more.</summary>
    public async Task<StepResult> DropOldSafetyAsync(DatabaseSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data.Database, ct);
        if (data.Safety is { } safety && safety != row.Generation && safety != row.SafetyGeneration)
        {
            await places.Of(row).RemoveAsync(row, safety, ct);
        }

        return StepResult.Done;
    }

    public async Task<StepResult> StartServerAsync(DatabaseSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data.Database, ct);
        using var turn = await turns.TakeAsync(row.Id, ct);
        await engines.Of(row).StartAsync(row, ct);
        return StepResult.Done;
    }

    public async Task<StepResult> StopServerAsync(DatabaseSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data.Database, ct);
        if (row.Settled)
        {
            return StepResult.Done;
        }

        using var turn = await turns.TakeAsync(row.Id, ct);
        await engines.Of(row).StopAsync(row, ct);
        return StepResult.Done;
    }

    /// <summary>Only a server whose memory changes is stopped.</summary>
    public Task<StepResult> StopForResizeAsync(DatabaseSagaData data, CancellationToken ct) =>
        data.Restarts ? StopServerAsync(data, ct) : Task.FromResult(StepResult.Done);

    public async Task<StepResult> ResizeServerAsync(DatabaseSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data.Database, ct);
        using var turn = await turns.TakeAsync(row.Id, ct);
        await places.Of(row).ResizeAsync(row, ct);
        return StepResult.Done;
    }

    /// <summary>Starts a server that ran before; also what undoes a stop of it.</summary>
    public async Task<StepResult> StartAgainAsync(DatabaseSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data.Database, ct);
        return row is { Settled: false, StatusBefore: DatabaseStatus.Available or DatabaseStatus.ReadOnly }
            ? await StartServerAsync(data, ct)
            : StepResult.Done;
    }

    /// <summary>The service's own password, the owner and the owner's database.</summary>
    public async Task<StepResult> MakeOwnerAsync(DatabaseSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data.Database, ct);
        var source = data.Source is { } id && id != row.Id ? await ReadAsync(id, ct) : null;
        await engines.Of(row).MakeOwnerAsync(row, source, ct);
        return StepResult.Done;
    }

    /// <summary>Goes on archiving the log of a server that runs.</summary>
    public async Task<StepResult> ArchiveLogAsync(DatabaseSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data.Database, ct);
        using var turn = await turns.TakeAsync(row.Id, ct);
        if (await places.Of(row).RunsAsync(row, ct))
        {
            await engines.Of(row).ArchiveAsync(row, ct);
        }

        return StepResult.Done;
    }

    /// <summary>
    /// Archives the log and takes a base backup: from now on there is a time to go back to. Of a clone, which takes no longer for being
    /// large, the base backup is taken soon after.
    /// </summary>
    public async Task<StepResult> OpenWindowAsync(DatabaseSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data.Database, ct);
        using (await turns.TakeAsync(row.Id, ct))
        {
            await engines.Of(row).ArchiveAsync(row, ct);
        }

        if (data.Copies)
        {
            return StepResult.Done;
        }

        await using var db = await databases.CreateDbContextAsync(ct);
        if (!await db.BaseBackups.AnyAsync(
            one => one.Database == row.Id && one.Generation == row.Generation && one.CompletedAt >= data.BeganAt, ct))
        {
            await engines.Of(row).TakeBaseBackupAsync(row, ct);
        }

        return StepResult.Done;
    }

    /// <summary>Before a delete: all that was committed is in the archive, and quickly restored from there.</summary>
    public async Task<StepResult> TakeFinalBackupAsync(DatabaseSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data.Database, ct);
        return row is { Status: DatabaseStatus.Deleting, FinalBackup: true, StatusBefore: not DatabaseStatus.Stopped }
            ? await OpenWindowAsync(data, ct)
            : StepResult.Done;
    }

    /// <summary>Stops the server and removes all of its folders; without a final backup also what the archive holds.</summary>
    public async Task<StepResult> RemoveServerAsync(DatabaseSagaData data, CancellationToken ct)
    {
        var row = await ReadAsync(data.Database, ct);
        if (row.Status != DatabaseStatus.Deleting)
        {
            return StepResult.Done;
        }

        using (await turns.TakeAsync(row.Id, ct))
        {
            await engines.Of(row).StopAsync(row, ct);
        }

        await places.Of(row).RemoveAllAsync(row, ct);
        if (!row.FinalBackup)
        {
            await archive.ForgetAsync(row.Id, ct);
        }

        return StepResult.Done;
    }

    public Task<StepResult> SayAvailableAsync(DatabaseSagaData data, CancellationToken ct) =>
        SayAsync(data, "available", DatabaseStatus.Available, ct);

    public Task<StepResult> SayStoppedAsync(DatabaseSagaData data, CancellationToken ct) =>
        SayAsync(data, "stopped", DatabaseStatus.Stopped, ct);

    /// <summary>What it was before, with its new size. Whether it can be written to is for who looks after what runs to see.</summary>
    public async Task<StepResult> SayResizedAsync(DatabaseSagaData data, CancellationToken ct)
    {
        await changes.ApplyAsync(data.Database, "resized", (_, row, now) =>
        {
            var says = row.Status == DatabaseStatus.Resizing;
            if (says)
            {
                row.Settles(row.StatusBefore, now);
            }

            return Task.FromResult(says);
        }, ct);
        return StepResult.Done;
    }

    public async Task<StepResult> SayDeletedAsync(DatabaseSagaData data, CancellationToken ct)
    {
        await changes.ApplyAsync(data.Database, "deleted", async (db, row, now) =>
        {
            if (row.Status != DatabaseStatus.Deleting)
            {
                return false;
            }

            row.IsDeleted(now);
            db.TellNetwork(row);
            await db.Quotas().ReserveAsync(row.Project, "databases", -1, ct);
            return true;
        }, ct);
        return StepResult.Done;
    }

    /// <summary>What was under way has failed for good: the row says so, and is what it was before.</summary>
    public Task FailAsync(DatabaseSagaData data, string reason, CancellationToken ct) =>
        changes.ApplyAsync(data.Database, "failed", (_, row, now) =>
        {
            var fails = !row.Settled;
            if (fails)
            {
                row.Fails(reason, now);
            }

            return Task.FromResult(fails);
        }, ct);

    private async Task<StepResult> SayAsync(DatabaseSagaData data, string what, DatabaseStatus status, CancellationToken ct)
    {
        await changes.ApplyAsync(data.Database, what, (_, row, now) =>
        {
            var says = !row.Settled;
            if (says)
            {
                row.Settles(status, now);
            }

            return Task.FromResult(says);
        }, ct);
        return StepResult.Done;
    }

    private async Task<ManagedDatabase> ReadAsync(DatabaseId id, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Databases.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, ct)
            ?? throw CloudException.NotFound("database", id.Value);
    }
}
