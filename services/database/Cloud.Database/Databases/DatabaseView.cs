using Cloud.Database.Engines;
using Cloud.Database.Servers;
using Cloud.Primitives;
using Cloud.ServiceDefaults;

namespace Cloud.Database.Databases;

/// <summary>A managed database as the API shows it.</summary>
/// <param name="Parameters">The server's settings that were made by hand.</param>
/// <param name="RestartPending">A parameter was changed that the server takes at its next start.</param>
/// <param name="Host">Where its server listens.</param>
/// <param name="ConnectionString">What <c>psql</c> takes, or <c>redis-cli -u</c>; with the password for whoever created the database or
/// made the password, else without.</param>
/// <param name="InternalHost">The name by which the project's instances reach it, on the port that is the engine's own.</param>
/// <param name="InternalAddress">What that name is in the project's network.</param>
/// <param name="InternalConnectionString">The same as <paramref name="ConnectionString"/>, for instances of the project.</param>
/// <param name="RunsAs">The same as <paramref name="Placement"/>.</param>
/// <param name="Placement"><c>container</c>: its processors, memory and disk are its own; or <c>process</c>: an unprivileged process of
/// this machine.</param>
/// <param name="PlacementReason">Why it runs so.</param>
/// <param name="CanUndoRestore">A restore in place has left a safety copy.</param>
/// <param name="SourceDatabase">The database that it was restored from or cloned of.</param>
public sealed record DatabaseView(
    DatabaseId Id, string Name, Labels Labels, DatabaseStatus Status, string? StatusReason, DatabaseEngine Engine, string Version,
    string Type, long SizeBytes, IReadOnlyDictionary<string, string> Parameters, bool RestartPending, string Host, int Port,
    string ConnectionString, string InternalHost, string InternalAddress, int InternalPort, string InternalConnectionString, string RunsAs,
    DatabasePlacement Placement, string PlacementReason, bool DeletionProtection, bool CanUndoRestore, string? SourceDatabase,
    bool FinalBackup, DateTimeOffset? DeletedAt, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    private const string Address = "127.0.0.1";

    /// <param name="password">Shown to whoever made it.</param>
    internal static DatabaseView From(ManagedDatabase row, string? password = null) => new(
        row.Id, row.Name, row.Labels, row.Status, row.StatusReason, row.Engine, VersionOf(row.Engine), row.Type, row.SizeBytes,
        row.Parameters, row.RestartPending, Address, row.Port, ConnectionStringOf(row, ManagedDatabase.OwnerName, password),
        DatabaseNetwork.NameOf(row), row.InternalAddress, DatabaseNetwork.PortOf(row.Engine),
        InternalConnectionStringOf(row, ManagedDatabase.OwnerName, password),
        EnumWords.Of(row.Placement), row.Placement, row.PlacementReason,
        row.DeletionProtection, row.SafetyGeneration is not null, row.SourceDatabase, row.FinalBackup, row.DeletedAt, row.CreatedAt,
        row.UpdatedAt);

    /// <summary>The version of an engine's servers.</summary>
    internal static string VersionOf(DatabaseEngine engine) => engine == DatabaseEngine.Redis ? "7.0" : "15";

    internal static string ConnectionStringOf(ManagedDatabase row, string user, string? password) =>
        ConnectionStringOf(row, $"{Address}:{row.Port}", user, password);

    /// <summary>For instances of the project.</summary>
    internal static string InternalConnectionStringOf(ManagedDatabase row, string user, string? password) =>
        ConnectionStringOf(row, $"{DatabaseNetwork.NameOf(row)}:{DatabaseNetwork.PortOf(row.Engine)}", user, password);

    private static string ConnectionStringOf(ManagedDatabase row, string server, string user, string? password)
    {
        var secret = password is null ? "" : $":{Uri.EscapeDataString(password)}";
        if (row.Engine == DatabaseEngine.Redis)
        {
            return $"rediss://{Uri.EscapeDataString(user)}{secret}@{server}";
        }

        return $"postgres://{Uri.EscapeDataString(user)}{secret}@{server}/{ManagedDatabase.OwnerName}?sslmode=require";
    }
}
