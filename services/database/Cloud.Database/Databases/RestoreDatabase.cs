using Cloud.Database.Archive;
using Cloud.Database.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Databases;

/// <summary>The body of <c>POST /v1/databases/{id}/restore</c>.</summary>
public sealed record RestoreDatabaseRequest
{
    /// <summary>Every commit up to this time, and none after; it must lie in the recovery window.</summary>
    public required DateTimeOffset To { get; init; }

    /// <summary>This database goes back, at the same address, with a safety copy; else a new one is made.</summary>
    public bool InPlace { get; init; }

    /// <summary>The new database's name.</summary>
    public string? Name { get; init; }
}

internal static class RestoreDatabase
{
    public static async Task<IResult> HandleAsync(
        string id, RestoreDatabaseRequest request, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context,
        DatabaseDbContext db, DatabaseAction action, DatabaseMaker maker, RecoveryWindow window, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(
            request.InPlace ? request.Name is null : ResourceName.IsValid(request.Name), "name",
            request.InPlace ? "A restore in place keeps its name." : $"Expected {ResourceName.Form}, or \"inPlace\": true.");
        errors.ThrowIfAny();
        var source = await db.Databases.AsNoTracking().Existing().FindVisibleAsync(caller, id, ct);
        await window.RequireAsync(source, request.To, ct);
        if (request.InPlace)
        {
            return await action.RunAsync<DatabaseRestoreSaga>(id, caller, ifMatch, wait, context, "restoring", (row, now) =>
            {
                var (from, safety) = (row.Generation, row.SafetyGeneration);
                var generation = row.BeginRestore(now);
                return Task.FromResult(new DatabaseSagaData(row.Id, now)
                {
                    To = request.To,
                    From = from,
                    Generation = generation,
                    Safety = safety,
                });
            }, ct);
        }

        var desired = new DesiredDatabase(request.Name!, DatabaseType.Require(source.Type), source.SizeBytes)
        {
            Engine = source.Engine,
            Parameters = source.Parameters,
            Source = source.Id,
        };
        return await maker.MakeAsync(desired, data => data with { Source = source.Id, To = request.To }, caller, wait, context, ct);
    }
}

internal static class UndoRestoreDatabase
{
    public static Task<IResult> HandleAsync(
        string id, Caller caller, IfMatch ifMatch, WaitQuery wait, HttpContext context, DatabaseAction action, CancellationToken ct) =>
        action.RunAsync<DatabaseUndoRestoreSaga>(id, caller, ifMatch, wait, context, "restoring", (row, now) =>
        {
            var (from, safety) = (row.Generation, row.SafetyGeneration);
            var generation = row.BeginUndoRestore(now);
            return Task.FromResult(new DatabaseSagaData(row.Id, now) { From = from, Generation = generation, Safety = safety });
        }, ct);
}

/// <summary>The body of <c>POST /v1/databases/{id}/clone</c>.</summary>
public sealed record CloneDatabaseRequest
{
    public required string Name { get; init; }
}

internal static class CloneDatabase
{
    public static async Task<IResult> HandleAsync(
        string id, CloneDatabaseRequest request, Caller caller, WaitQuery wait, HttpContext context, DatabaseDbContext db,
        DatabaseMaker maker, CancellationToken ct)
    {
        ResourceName.Require(request.Name, "name");
        var source = await db.Databases.AsNoTracking().FindRunningAsync(caller, id, ct);
        var desired = new DesiredDatabase(request.Name, DatabaseType.Require(source.Type), source.SizeBytes)
        {
            Engine = source.Engine,
            Parameters = source.Parameters,
            Source = source.Id,
        };
        return await maker.MakeAsync(desired, data => data with { Source = source.Id, Copies = true }, caller, wait, context, ct);
    }
}

internal static class GetRecoveryWindow
{
    public static async Task<RecoveryWindowView> HandleAsync(
        string id, Caller caller, DatabaseDbContext db, RecoveryWindow window, CancellationToken ct) =>
        await window.ReadAsync(await db.Databases.AsNoTracking().FindVisibleAsync(caller, id, ct), ct)
            ?? throw CloudException.Conflict("no-recovery-window", "The database cannot be restored yet: it has no backup.");
}
