using System.Text.Json;
using Cloud.BlockStorage.Snapshots;
using Cloud.BlockStorage.Volumes;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Idempotency;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Persistence;

/// <summary>The block storage service's own tables.</summary>
public sealed class BlockStorageDbContext(DbContextOptions<BlockStorageDbContext> options) : DbContext(options)
{
    internal DbSet<Volume> Volumes => Set<Volume>();

    internal DbSet<Snapshot> Snapshots => Set<Snapshot>();

    /// <summary>Says in the same save that a volume has changed: the event for its users, and the wake-up of who waits for it.</summary>
    internal void AddVolumeEvent(Volume volume, string what) =>
        AddEvent($"volume.{what}", volume.Project, volume.Id.Value, VolumeView.From(volume));

    /// <summary>The same of a snapshot.</summary>
    internal void AddSnapshotEvent(Snapshot snapshot, string what) =>
        AddEvent($"snapshot.{what}", snapshot.Project, snapshot.Id.Value, SnapshotView.From(snapshot));

    /// <summary>Says what an administrator did with a host's master key.</summary>
    internal void AddMasterKeyEvent(string project, string host, string what) =>
        AddEvent($"volume-master-key.{what}", project, host, new { host });

    /// <summary>Saves, and says which name is taken where that is why it cannot.</summary>
    internal async Task SaveNamedAsync(string kind, string name, CancellationToken ct)
    {
        try
        {
            await SaveChangesAsync(ct);
        }
        catch (DbUpdateException taken) when (taken.IsUniqueViolation())
        {
            throw new CloudException(
                ErrorKind.Conflict, "name-taken", $"There is already a {kind} '{name}' in this project.", taken);
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
        modelBuilder.Entity<Volume>(volume =>
        {
            volume.Ignore(row => row.Labels);
            volume.Ignore(row => row.Settled);
            volume.HasIndex(row => new { row.Project, row.Name }).IsUnique()
                .HasFilter($"\"{nameof(Volume.Status)}\" <> {(int)VolumeStatus.Deleted}");
            volume.HasIndex(row => row.Instance);

            // What those are that were there before these columns.
            volume.Property(row => row.Type).HasDefaultValue(VolumeType.All[0].Name);
            volume.Property(row => row.Format).HasDefaultValue(VolumeFormat.Qcow2);
        });
        modelBuilder.Entity<Snapshot>(snapshot =>
        {
            snapshot.Ignore(row => row.Labels);
            snapshot.Ignore(row => row.Settled);
            snapshot.HasIndex(row => new { row.Project, row.Name }).IsUnique()
                .HasFilter($"\"{nameof(Snapshot.Status)}\" <> {(int)SnapshotStatus.Deleted}");
        });
    }

    private void AddEvent<TView>(string type, string project, string resource, TView view) => this.Outbox().Add(
        ResourceEvent.Of(type, project, resource, JsonSerializer.SerializeToElement(view, JsonDefaults.Options)), resource);
}
