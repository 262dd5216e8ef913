using System.Text.Json;
using Cloud.Compute.Hosts;
using Cloud.Compute.Images;
using Cloud.Compute.Instances;
using Cloud.Compute.InstanceSnapshots;
using Cloud.Compute.InstanceTypes;
using Cloud.Compute.KeyPairs;
using Cloud.Compute.Networks;
using Cloud.Compute.WarmStates;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Idempotency;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Storage;

namespace Cloud.Compute.Persistence;

/// <summary>The compute service's own tables.</summary>
public sealed class ComputeDbContext(DbContextOptions<ComputeDbContext> options) : DbContext(options)
{
    /// <summary>The key of PostgreSQL's advisory lock for placement; any number that nothing else locks.</summary>
    private const long PlacementLock = 0x636c_6f75_6401;

    internal DbSet<Instance> Instances => Set<Instance>();

    internal DbSet<InstancePlacement> Placements => Set<InstancePlacement>();

    internal DbSet<InstanceSnapshot> InstanceSnapshots => Set<InstanceSnapshot>();

    internal DbSet<Image> Images => Set<Image>();

    internal DbSet<WarmState> WarmStates => Set<WarmState>();

    internal DbSet<InstanceType> InstanceTypes => Set<InstanceType>();

    internal DbSet<KeyPair> KeyPairs => Set<KeyPair>();

    internal DbSet<NetworkService> NetworkServices => Set<NetworkService>();

    internal DbSet<ComputeHost> Hosts => Set<ComputeHost>();

    /// <summary>Says in the same save that a resource has changed.</summary>
    internal void AddResourceEvent<TView>(string type, string project, string resource, TView view) =>
        this.Outbox().Add(
            ResourceEvent.Of(type, project, resource, JsonSerializer.SerializeToElement(view, JsonDefaults.Options)), resource);

    /// <summary>The same of an instance's snapshot.</summary>
    internal void AddInstanceSnapshotEvent(InstanceSnapshot snapshot, string what) => AddResourceEvent(
        $"instance-snapshot.{what}", snapshot.Project, snapshot.Id.Value, InstanceSnapshotView.From(snapshot));

    /// <summary>
    /// Begins a transaction that is alone in placing instances, over all replicas of this service. In SQLite every transaction that
    /// writes is alone; in PostgreSQL an advisory lock is held until its end.
    /// </summary>
    internal async Task<IDbContextTransaction> BeginPlacementAsync(CancellationToken ct)
    {
        var transaction = await Database.BeginTransactionAsync(ct);
        if (Database.IsNpgsql())
        {
            await Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({PlacementLock})", ct);
        }

        return transaction;
    }

    /// <summary>Saves, and says which name is taken where that is why it cannot.</summary>
    internal async Task SaveNewAsync(string kind, string name, CancellationToken ct)
    {
        try
        {
            await SaveChangesAsync(ct);
        }
        catch (DbUpdateException taken) when (taken.IsUniqueViolation())
        {
            throw new CloudException(
                ErrorKind.Conflict, "name-taken", $"There is already {(kind[0] is 'i' ? "an" : "a")} {kind} '{name}' in this project.",
                taken);
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
        modelBuilder.Entity<Instance>(OnInstance);
        modelBuilder.Entity<InstancePlacement>(placement =>
        {
            placement.HasKey(row => row.Instance);
            placement.Property(row => row.Hosts).HasJsonConversion();
        });
        modelBuilder.Entity<InstanceSnapshot>(snapshot =>
        {
            snapshot.Ignore(row => row.Labels);
            snapshot.Ignore(row => row.Settled);
            snapshot.HasIndex(row => row.Instance);
            snapshot.HasIndex(row => new { row.Project, row.Name }).IsUnique()
                .HasFilter(Quoted(nameof(InstanceSnapshot.Status), $"<> {(int)InstanceSnapshotStatus.Deleted}"));
        });
        modelBuilder.Entity<Image>(image =>
        {
            image.Ignore(row => row.Labels);
            image.Ignore(row => row.IsContainer);
            image.Property(row => row.UserData).HasJsonConversion();
            image.HasIndex(row => new { row.Project, row.Name }).IsUnique()
                .HasFilter(Quoted(nameof(Image.Status), $"<> {(int)ImageStatus.Deleted}"));
            // Nulls are all different in an index: the cloud's own images need one of their own.
            image.HasIndex(row => row.Name).IsUnique().HasFilter(Quoted(nameof(Image.Project), "IS NULL"));
        });
        modelBuilder.Entity<WarmState>(state =>
        {
            state.Property(row => row.Files).HasJsonConversion();
            state.HasIndex(row => row.Image);
        });
        modelBuilder.Entity<InstanceType>(type => type.HasIndex(row => row.Name).IsUnique());
        modelBuilder.Entity<KeyPair>(keyPair =>
        {
            keyPair.Ignore(row => row.Labels);
            keyPair.HasIndex(row => new { row.Project, row.Name }).IsUnique().HasFilter(Quoted(nameof(KeyPair.Deleted), "= false"));
        });
        modelBuilder.Entity<NetworkService>(service =>
        {
            service.HasKey(row => row.Id);
            service.Property(row => row.Names).HasJsonConversion();
        });
        modelBuilder.Entity<ComputeHost>(host =>
        {
            host.Ignore(row => row.Labels);
            host.HasIndex(row => row.Name).IsUnique();
            host.Property(row => row.Engines).HasJsonConversion();
        });
    }

    private void OnInstance(EntityTypeBuilder<Instance> instance)
    {
        instance.Ignore(row => row.Labels);
        instance.Ignore(row => row.Settled);
        instance.Ignore(row => row.DiskFull);
        instance.Ignore(row => row.GoesOnWarm);
        instance.Property(row => row.AuthorizedKeys).HasJsonConversion();
        instance.Property(row => row.VolumesAwaited).HasJsonConversion().HasDefaultValueSql("'[]'");
        instance.Property(row => row.Ports).HasJsonConversion();
        instance.Property(row => row.BootsFrom).HasJsonConversion();
        instance.Property(row => row.Container).HasJsonConversion();
        instance.Property(row => row.Migration).HasJsonConversion();
        instance.Property(row => row.Origin).HasJsonConversion();
        var exists = Quoted(nameof(Instance.Status), $"<> {(int)InstanceStatus.Deleted}");
        instance.HasIndex(row => new { row.Project, row.Name }).IsUnique().HasFilter(exists);
        instance.HasIndex(row => new { row.Project, row.Address }).IsUnique().HasFilter(exists);
        instance.HasIndex(row => row.HostName);
    }

    private static string Quoted(string column, string condition) => $"\"{column}\" {condition}";
}
