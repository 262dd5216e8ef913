using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Databases;

/// <summary>Look-ups of databases, scoped by the caller's project.</summary>
internal static class DatabaseQueries
{
    /// <summary>All but the deleted, whose rows stay for an undelete and for the answer to a second DELETE.</summary>
    public static IQueryable<ManagedDatabase> Existing(this IQueryable<ManagedDatabase> databases) =>
        databases.Where(database => database.Status != DatabaseStatus.Deleted);

    /// <exception cref="CloudException">The project has no such database.</exception>
    public static async Task<ManagedDatabase> FindVisibleAsync(
        this IQueryable<ManagedDatabase> databases, Caller caller, string id, CancellationToken ct) =>
        (DatabaseId.TryParse(id, out var databaseId)
            ? await databases.SingleOrDefaultAsync(row => row.Id == databaseId && row.Project == caller.Project, ct)
            : null) ?? throw CloudException.NotFound("database", id);

    /// <summary>One whose server takes connections now.</summary>
    /// <exception cref="CloudException">It does not.</exception>
    public static async Task<ManagedDatabase> FindRunningAsync(
        this IQueryable<ManagedDatabase> databases, Caller caller, string id, CancellationToken ct)
    {
        var row = await databases.Existing().FindVisibleAsync(caller, id, ct);
        return row.ShouldRun
            ? row
            : throw CloudException.Conflict(
                "wrong-status", $"The database is {ServiceDefaults.EnumWords.Of(row.Status)}: its server takes no connections now.");
    }
}
