using Cloud.Database.Engines;
using Cloud.Database.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;

namespace Cloud.Database.Databases;

/// <summary>The body of <c>PATCH /v1/databases/{id}</c>: a merge patch.</summary>
public sealed record PatchDatabaseRequest
{
    public string? Name { get; init; }

    /// <summary>A label set to null is removed.</summary>
    public IReadOnlyDictionary<string, string?>? Labels { get; init; }

    public bool? DeletionProtection { get; init; }

    /// <summary>Settings of the server, checked by the server itself; one set to null has its default again.</summary>
    public IReadOnlyDictionary<string, string?>? Parameters { get; init; }
}

internal static class PatchDatabase
{
    public static async Task<IResult> HandleAsync(
        string id, MergePatch<PatchDatabaseRequest> patch, Caller caller, IfMatch ifMatch, HttpContext context, DatabaseAction action,
        DatabaseDbContext db, ServerEngines engines, CancellationToken ct)
    {
        var renames = patch.Has(nameof(PatchDatabaseRequest.Name));
        var database = await action.ChangeAsync(id, caller, ifMatch, "changed", async (row, now) =>
        {
            Apply(row, patch, now);
            if (renames)
            {
                db.TellNetwork(row);
            }

            if (patch.Has(nameof(PatchDatabaseRequest.Parameters)))
            {
                await ConfigureAsync(row, patch.Fields.Parameters, engines.Of(row), now, ct);
            }
        }, ct);
        if (database.ShouldRun && (renames || patch.Has(nameof(PatchDatabaseRequest.Parameters))))
        {
            await engines.Of(database).ApplySettingsAsync(database, ct);
        }

        return ResourceResults.Ok(context, DatabaseView.From(database), database.Version);
    }

    private static void Apply(ManagedDatabase database, MergePatch<PatchDatabaseRequest> patch, DateTimeOffset now)
    {
        var fields = patch.Fields;
        if (patch.Has(nameof(fields.Name)))
        {
            database.Rename(ResourceName.Require(fields.Name, "name"), now);
        }

        if (patch.Has(nameof(fields.Labels)))
        {
            database.Relabel(LabelPatch.Apply(database.Labels, fields.Labels), now);
        }

        if (patch.Has(nameof(fields.DeletionProtection)))
        {
            database.Protect(fields.DeletionProtection ?? false, now);
        }
    }

    private static async Task ConfigureAsync(
        ManagedDatabase database, IReadOnlyDictionary<string, string?>? patch, IServerEngine engine, DateTimeOffset now,
        CancellationToken ct)
    {
        var merged = patch is null ? [] : new Dictionary<string, string>(database.Parameters);
        foreach (var (name, value) in patch ?? new Dictionary<string, string?>())
        {
            if (value is null)
            {
                merged.Remove(name);
            }
            else
            {
                merged[name] = value;
            }
        }

        await engine.CheckParametersAsync(merged, DatabaseType.Require(database.Type), ct);
        var changed = merged.Keys.Union(database.Parameters.Keys)
            .Where(name => merged.GetValueOrDefault(name) != database.Parameters.GetValueOrDefault(name)).ToList();
        database.Configure(merged, await engine.NeedsRestartAsync(changed, ct), now);
    }
}
