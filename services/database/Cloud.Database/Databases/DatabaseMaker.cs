using Cloud.Database.Engines;
using Cloud.Database.Persistence;
using Cloud.Database.Secrets;
using Cloud.Database.Servers;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Quotas;
using Cloud.ServiceDefaults.Waiting;

namespace Cloud.Database.Databases;

/// <summary>Makes a database's row and starts what makes its server: of nothing, of an archive, or of another that runs.</summary>
internal sealed class DatabaseMaker(
    DatabaseDbContext db, DatabaseWaiter waiter, ServerPlaces places, PasswordBox passwords, DatabaseOptions options, TimeProvider time)
{
    /// <summary>Answers 201 with the connection string, the password in it.</summary>
    public async Task<IResult> MakeAsync(
        DesiredDatabase desired, Func<DatabaseSagaData, DatabaseSagaData> how, Caller caller, WaitQuery wait, HttpContext context,
        CancellationToken ct)
    {
        var (row, password) = await StartAsync(db, desired, how, caller.Project, places, passwords, options, time, ct);
        var latest = await waiter.WaitAsync(row, wait, ct);
        return ResourceResults.Created(context, $"/v1/databases/{latest.Id}", DatabaseView.From(latest, password), latest.Version);
    }

    /// <summary>Makes the row and starts what makes the server; with the owner's password.</summary>
    public static async Task<(ManagedDatabase Row, string Password)> StartAsync(
        DatabaseDbContext db, DesiredDatabase desired, Func<DatabaseSagaData, DatabaseSagaData> how, string project,
        ServerPlaces places, PasswordBox passwords, DatabaseOptions options, TimeProvider time, CancellationToken ct)
    {
        var placement = await places.ChooseAsync(desired.Engine, desired.Type, ct);
        var now = time.GetUtcNow();
        var id = TypedId.New<DatabaseId>(time);
        var password = desired.OwnerPassword ?? PasswordBox.NewPassword();
        await using var transaction = await db.BeginAddressingAsync(ct);
        await db.Quotas().ReserveAsync(project, "databases", 1, ct);
        var (port, address, uid) = await DatabaseAddress.ChooseAsync(db, options, project, ct);
        var row = ManagedDatabase.Create(
            new NewDatabase(
                id, project, desired.Name, desired.Labels, desired.Type, desired.SizeBytes, desired.Parameters,
                desired.DeletionProtection, port, address, uid, passwords.Seal(desired.AdminPassword ?? PasswordBox.NewPassword(), id),
                passwords.Seal(password, id), desired.Origin ?? desired.Source?.Value, desired.Engine, placement),
            now);
        db.Databases.Add(row);
        db.Sagas().Start<DatabaseCreateSaga, DatabaseSagaData>(how(new DatabaseSagaData(id, now)), id.Value);
        db.AddDatabaseEvent(row, "provisioning");
        db.TellNetwork(row);
        await db.SaveNamedAsync(row.Name, ct);
        await transaction.CommitAsync(ct);
        return (row, password);
    }
}

/// <summary>What a caller wants.</summary>
internal sealed record DesiredDatabase(string Name, DatabaseType Type, long SizeBytes)
{
    public DatabaseEngine Engine { get; init; } = DatabaseEngine.Postgres;

    public Labels Labels { get; init; } = Labels.None;

    public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

    public bool DeletionProtection { get; init; }

    public DatabaseId? Source { get; init; }

    /// <summary>What was handed over for it.</summary>
    public string? Origin { get; init; }

    /// <summary>That of the service's superuser in the files it is made of; null for a new one.</summary>
    public string? AdminPassword { get; init; }

    /// <summary>Null for a new one.</summary>
    public string? OwnerPassword { get; init; }
}
