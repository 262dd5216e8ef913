using System.Text.Json;
using Cloud.Backup.Jobs;
using Cloud.Backup.Plans;
using Cloud.Backup.RecoveryPoints;
using Cloud.Backup.Vaults;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Idempotency;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Persistence;

/// <summary>The backup service's own tables.</summary>
public sealed class BackupDbContext(DbContextOptions<BackupDbContext> options) : DbContext(options)
{
    internal DbSet<BackupVault> Vaults => Set<BackupVault>();

    internal DbSet<BackupPlan> Plans => Set<BackupPlan>();

    internal DbSet<BackupJob> Jobs => Set<BackupJob>();

    internal DbSet<RecoveryPoint> RecoveryPoints => Set<RecoveryPoint>();

    /// <summary>Says in the same save that a vault has changed.</summary>
    internal void AddVaultEvent(BackupVault vault, string what) =>
        AddEvent($"vault.{what}", vault.Project, vault.Id.Value, VaultView.From(vault));

    internal void AddPlanEvent(BackupPlan plan, string what) =>
        AddEvent($"backup-plan.{what}", plan.Project, plan.Id.Value, PlanView.From(plan));

    internal void AddJobEvent(BackupJob job, string what) =>
        AddEvent($"backup-job.{what}", job.Project, job.Id.Value, JobView.From(job, job.UpdatedAt));

    internal void AddPointEvent(RecoveryPoint point, string what) =>
        AddEvent($"recovery-point.{what}", point.Project, point.Id.Value, RecoveryPointView.From(point));

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
        modelBuilder.Entity<BackupVault>(vault =>
        {
            vault.Ignore(row => row.Labels);
            vault.HasIndex(row => new { row.Project, row.Name }).IsUnique()
                .HasFilter($"\"{nameof(BackupVault.Status)}\" <> {(int)VaultStatus.Deleted}");
        });
        modelBuilder.Entity<BackupPlan>(plan =>
        {
            plan.Ignore(row => row.Labels);
            plan.Property(row => row.Retention).HasJsonConversion();
            plan.Ignore(row => row.ResourceLabels);
            plan.Property(row => row.Resources).HasJsonConversion();
            plan.Property(row => row.VerifyCommand).HasJsonConversion();
            plan.HasIndex(row => new { row.Project, row.Name }).IsUnique()
                .HasFilter($"\"{nameof(BackupPlan.Status)}\" <> {(int)PlanStatus.Deleted}");
            plan.HasIndex(row => row.NextRunAt);
        });
        modelBuilder.Entity<BackupJob>(job =>
        {
            job.Ignore(row => row.Settled);
            job.Ignore(row => row.Target);
            job.Property(row => row.Timeline).HasJsonConversion();
            job.HasIndex(row => row.Status);
            job.HasIndex(row => new { row.Project, row.Resource });
            job.HasIndex(row => row.WebhookDueAt);
            job.HasIndex(row => row.TidyDue);
        });
        modelBuilder.Entity<RecoveryPoint>(point =>
        {
            point.Property(row => row.Verified).HasJsonConversion();
            point.HasIndex(row => new { row.Vault, row.Status });
            point.HasIndex(row => new { row.Project, row.Resource, row.CreatedAt });
        });
    }

    private void AddEvent<TView>(string type, string project, string resource, TView view) => this.Outbox().Add(
        ResourceEvent.Of(type, project, resource, JsonSerializer.SerializeToElement(view, JsonDefaults.Options)), resource);
}
