using System.Text.Json;
using Cloud.Database.Archive;
using Cloud.Database.Databases;
using Cloud.Database.Engines;
using Cloud.Database.Servers;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Idempotency;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace Cloud.Database.Persistence;

/// <summary>The database service's own tables.</summary>
public sealed class DatabaseDbContext(DbContextOptions<DatabaseDbContext> options) : DbContext(options)
{
    /// <summary>The key of PostgreSQL's advisory lock for addresses; any number that nothing else locks.</summary>
    private const long AddressingLock = 0x636c_6f75_6402;

    internal DbSet<ManagedDatabase> Databases => Set<ManagedDatabase>();

    internal DbSet<BaseBackup> BaseBackups => Set<BaseBackup>();

    internal DbSet<ArchivedLog> ArchivedLogs => Set<ArchivedLog>();

    /// <summary>Says in the same save that a database has changed: the event for its users, and the wake-up of who waits for it.</summary>
    internal void AddDatabaseEvent(ManagedDatabase database, string what) => this.Outbox().Add(
        ResourceEvent.Of(
            $"database.{what}", database.Project, database.Id.Value,
            JsonSerializer.SerializeToElement(DatabaseView.From(database), JsonDefaults.Options)),
        database.Id.Value);

    /// <summary>
    /// Says in the same save by what names and address the project's instances reach the database, or that they do no more.
    /// </summary>
    internal void TellNetwork(ManagedDatabase database) => this.Outbox().Add(
        DatabaseNetwork.Of(database, database.Version + 1), database.Id.Value);

    /// <summary>
    /// Begins a transaction that is alone in choosing ports and addresses, over all replicas of this service. In SQLite every transaction
    /// that writes is alone; in PostgreSQL an advisory lock is held until its end.
    /// </summary>
    internal async Task<IDbContextTransaction> BeginAddressingAsync(CancellationToken ct)
    {
        var transaction = await Database.BeginTransactionAsync(ct);
        if (Database.IsNpgsql())
        {
            await Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({AddressingLock})", ct);
        }

        return transaction;
    }

    /// <summary>Saves, and says where a name is taken and that is why it cannot.</summary>
    internal async Task SaveNamedAsync(string name, CancellationToken ct)
    {
        try
        {
            await SaveChangesAsync(ct);
        }
        catch (DbUpdateException taken) when (taken.IsUniqueViolation())
        {
            throw new CloudException(
                ErrorKind.Conflict, "name-taken", $"There is already a database '{name}' in this project.", taken);
        }
    }

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        ArgumentNullException.ThrowIfNull(configurationBuilder);
        configurationBuilder.AddCloudConventions();
    }

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        ArgumentNullException.ThrowIfNull(modelBuilder);
        modelBuilder.AddCloudMessaging();
        modelBuilder.AddQuotas();
        modelBuilder.AddIdempotency();
        modelBuilder.Entity<ManagedDatabase>(database =>
        {
            database.ToTable("databases");
            database.Ignore(row => row.Labels);
            database.Ignore(row => row.Settled);
            database.Ignore(row => row.ShouldRun);
            database.Property(row => row.Parameters).HasJsonConversion();
            database.Property(row => row.Engine).HasDefaultValue(DatabaseEngine.Postgres).HasSentinel(DatabaseEngine.Postgres);
            database.Property(row => row.Placement).HasDefaultValue(DatabasePlacement.Process).HasSentinel(DatabasePlacement.Process);
            database.Property(row => row.PlacementReason).HasDefaultValue(ServerPlacement.OfProcesses);
            database.HasIndex(row => new { row.Project, row.Name }).IsUnique()
                .HasFilter($"\"{nameof(ManagedDatabase.Status)}\" <> {(int)DatabaseStatus.Deleted}");
        });
        modelBuilder.Entity<BaseBackup>(backup =>
        {
            backup.ToTable("base_backups");
            backup.Ignore(row => row.Key);
            backup.HasKey(row => row.Id);
            backup.HasIndex(row => new { row.Database, row.CompletedAt });
        });
        modelBuilder.Entity<ArchivedLog>(log =>
        {
            log.ToTable("archived_logs");
            log.HasKey(row => new { row.Database, row.Generation });
        });
    }
}
