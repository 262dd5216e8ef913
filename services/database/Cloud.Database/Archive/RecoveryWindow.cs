using Cloud.Database.Databases;
using Cloud.Database.Engines;
using Cloud.Database.Persistence;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Archive;

/// <summary>From when to when a database can be brought back to.</summary>
internal sealed class RecoveryWindow(DatabaseDbContext db, ServerEngines engines)
{
    /// <summary>The window; of a server that runs, all that was committed until now is stored first.</summary>
    /// <returns>Null where there is none yet.</returns>
    public Task<RecoveryWindowView?> ReadAsync(ManagedDatabase database, CancellationToken ct) => ReadAsync(database, restores: false, ct);

    private async Task<RecoveryWindowView?> ReadAsync(ManagedDatabase database, bool restores, CancellationToken ct)
    {
        var earliest = await db.BaseBackups.AsNoTracking().Where(backup => backup.Database == database.Id)
            .OrderBy(backup => backup.CompletedAt).Select(backup => (DateTimeOffset?)backup.CompletedAt).FirstOrDefaultAsync(ct);
        if (earliest is null)
        {
            return null;
        }

        var now = database.ShouldRun ? await engines.Of(database).StoreAllAsync(database, restores, ct) : null;
        var latest = now ?? await db.ArchivedLogs.AsNoTracking().Where(log => log.Database == database.Id)
            .OrderByDescending(log => log.At).Select(log => (DateTimeOffset?)log.At).FirstOrDefaultAsync(ct);
        return new RecoveryWindowView(earliest.Value, latest > earliest ? latest.Value : earliest.Value);
    }

    /// <summary>A time to go back to must lie in the window.</summary>
    /// <exception cref="CloudException">It does not; the window is in the answer.</exception>
    public async Task RequireAsync(ManagedDatabase database, DateTimeOffset to, CancellationToken ct)
    {
        var window = await ReadAsync(database, restores: true, ct)
            ?? throw CloudException.Conflict("no-recovery-window", "The database cannot be restored yet: it has no backup.");
        if (to < window.Earliest || to > window.Latest)
        {
            var message = $"Expected a time from {Text(window.Earliest)} to {Text(window.Latest)}.";
            throw new CloudException(ErrorKind.Invalid, "outside-recovery-window", message)
            {
                Errors = new Dictionary<string, string[]> { ["to"] = [message] },
                Details = new Dictionary<string, object> { ["earliest"] = Text(window.Earliest), ["latest"] = Text(window.Latest) },
            };
        }
    }

    private static string Text(DateTimeOffset at) =>
        at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>From when to when a database can be brought back to, both included.</summary>
public sealed record RecoveryWindowView(DateTimeOffset Earliest, DateTimeOffset Latest);
