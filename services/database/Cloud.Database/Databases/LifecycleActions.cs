using Cloud.Database.Engines;
using Cloud.Database.Persistence;
using Cloud.Database.Servers;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Databases;

internal static class StopDatabase
{
    public static Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, DatabaseAction action, CancellationToken ct) =>
        action.RunAsync<DatabaseStopSaga>(id, caller, ifMatch, wait, context, "stopping", (row, now) =>
        {
            row.BeginStop(now);
            return Task.FromResult(new DatabaseSagaData(row.Id, now));
        }, ct);
}

internal static class StartDatabase
{
    public static Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, DatabaseAction action, CancellationToken ct) =>
        action.RunAsync<DatabaseStartSaga>(id, caller, ifMatch, wait, context, "starting", (row, now) =>
        {
            row.BeginStart(now);
            return Task.FromResult(new DatabaseSagaData(row.Id, now));
        }, ct);
}

internal static class RestartDatabase
{
    public static Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, DatabaseAction action, CancellationToken ct) =>
        action.RunAsync<DatabaseRestartSaga>(id, caller, ifMatch, wait, context, "restarting", (row, now) =>
        {
            row.BeginRestart(now);
            return Task.FromResult(new DatabaseSagaData(row.Id, now));
        }, ct);
}

/// <summary>The body of <c>POST /v1/databases/{id}/resize</c>; what is left out stays.</summary>
public sealed record ResizeDatabaseRequest
{
    /// <summary>Another restarts the server.</summary>
    public string? Type { get; init; }

    /// <summary>
    /// Of a process at least what the database holds, without a restart; of a container no less than it is, and the server restarts.
    /// </summary>
    public ByteSize? SizeBytes { get; init; }
}

internal static class ResizeDatabase
{
    public static Task<IResult> HandleAsync(
        string id, ResizeDatabaseRequest request, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context,
        DatabaseAction action, ServerPlaces places, ServerEngines engines, CancellationToken ct) =>
        action.RunAsync<DatabaseResizeSaga>(id, caller, ifMatch, wait, context, "resizing", async (row, now) =>
        {
            var type = DatabaseType.Require(request.Type ?? row.Type);
            var sizeBytes = DatabaseSize.Require(request.SizeBytes?.Bytes ?? row.SizeBytes);
            await engines.Of(row).CheckParametersAsync(row.Parameters, type, ct);
            await places.Of(row).RequireRoomAsync(row, sizeBytes, ct);
            var restarts = type.Name != row.Type || (sizeBytes > row.SizeBytes && places.Of(row).StopsToGrow);
            row.BeginResize(type, sizeBytes, now);
            return new DatabaseSagaData(row.Id, now) { Restarts = restarts };
        }, ct);
}

internal static class DeleteDatabase
{
    public static async Task<IResult> HandleAsync(
        string id, bool? finalBackup, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, DatabaseDbContext db,
        DatabaseAction action, DatabaseWaiter waiter, CancellationToken ct)
    {
        if (DatabaseId.TryParse(id, out var databaseId) && await db.Databases.AsNoTracking().AnyAsync(
            row => row.Id == databaseId && row.Project == caller.Project && row.Status == DatabaseStatus.Deleted, ct))
        {
            return TypedResults.NoContent();
        }

        var database = await action.ChangeAsync(id, caller, ifMatch, "deleting", (row, now) =>
        {
            if (row.Status != DatabaseStatus.Deleting)
            {
                row.BeginDelete(finalBackup ?? true, now);
                db.Sagas().Start<DatabaseDeleteSaga, DatabaseSagaData>(new DatabaseSagaData(row.Id, now), row.Id.Value);
            }

            return Task.CompletedTask;
        }, ct);
        var latest = await waiter.WaitAsync(database, wait, ct);
        return latest.Status == DatabaseStatus.Deleted
            ? TypedResults.NoContent()
            : ResourceResults.Accepted(context, DatabaseView.From(latest), latest.Version);
    }
}

internal static class UndeleteDatabase
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, WaitQuery wait, HttpContext context, DatabaseDbContext db, DatabaseWaiter waiter, TimeProvider time,
        CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var row = await db.Databases.FindVisibleAsync(caller, id, ct);
        row.BeginUndelete(now);
        await using (var transaction = await db.Database.BeginTransactionAsync(ct))
        {
            await db.Quotas().ReserveAsync(row.Project, "databases", 1, ct);
            db.Sagas().Start<DatabaseCreateSaga, DatabaseSagaData>(new DatabaseSagaData(row.Id, now) { Source = row.Id }, row.Id.Value);
            db.AddDatabaseEvent(row, "provisioning");
            db.TellNetwork(row);
            await db.SaveNamedAsync(row.Name, ct);
            await transaction.CommitAsync(ct);
        }

        var latest = await waiter.WaitAsync(row, wait, ct);
        return latest.Settled && wait.Waits
            ? ResourceResults.Ok(context, DatabaseView.From(latest), latest.Version)
            : ResourceResults.Accepted(context, DatabaseView.From(latest), latest.Version);
    }
}
