using System.Text.Json;
using Cloud.Identity.AccessKeys;
using Cloud.Identity.Audit;
using Cloud.Identity.FirstStart;
using Cloud.Identity.Members;
using Cloud.Identity.Projects;
using Cloud.Identity.Quotas;
using Cloud.Identity.SigningKeys;
using Cloud.Identity.Tokens;
using Cloud.Identity.Users;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Idempotency;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;

namespace Cloud.Identity.Persistence;

/// <summary>The identity service's own tables.</summary>
public sealed class IdentityDbContext(DbContextOptions<IdentityDbContext> options) : DbContext(options)
{
    /// <summary>Chance's own number, for the advisory lock of <see cref="BeginGuardedAsync"/>.</summary>
    private const long GuardLock = 0x1de_4717_1e5;

    internal DbSet<Project> Projects => Set<Project>();

    internal DbSet<User> Users => Set<User>();

    internal DbSet<Member> Members => Set<Member>();

    internal DbSet<ApiToken> Tokens => Set<ApiToken>();

    internal DbSet<AccessKey> AccessKeys => Set<AccessKey>();

    internal DbSet<SigningKey> SigningKeys => Set<SigningKey>();

    internal DbSet<ProjectQuota> Quotas => Set<ProjectQuota>();

    internal DbSet<QuotaUse> QuotaUses => Set<QuotaUse>();

    internal DbSet<AuditEntry> AuditEntries => Set<AuditEntry>();

    internal DbSet<IssuedCredentials> IssuedCredentials => Set<IssuedCredentials>();

    /// <summary>Says in the same save that a resource has changed: to everybody by an event, and to the audit log at once.</summary>
    internal void AddResourceEvent<TView>(string type, string project, string resource, TView view)
    {
        var now = this.GetService<TimeProvider>().GetUtcNow();
        var happened = ResourceEvent.Of(type, project, resource, JsonSerializer.SerializeToElement(view, JsonDefaults.Options)) with
        {
            Id = TypedId.NewValue("msg", now),
            At = now,
        };
        this.Outbox().Add(happened, resource);
        AuditEntries.Add(Audit.AuditEntries.Of(happened, now));
    }

    /// <summary>
    /// Begins a transaction that is alone in changing who may what, over all replicas of this service, so that two admins who remove each
    /// other at once do not both succeed. In SQLite every transaction that writes is alone; in PostgreSQL an advisory lock is held until
    /// its end.
    /// </summary>
    internal async Task<IDbContextTransaction> BeginGuardedAsync(CancellationToken ct)
    {
        var transaction = await Database.BeginTransactionAsync(ct);
        if (Database.IsNpgsql())
        {
            await Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock({GuardLock})", ct);
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
            var article = kind[0] is 'a' ? "an" : "a";
            throw new CloudException(ErrorKind.Conflict, "name-taken", $"There is already {article} {kind} '{name}'.", taken);
        }
    }

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        ArgumentNullException.ThrowIfNull(configurationBuilder);
        configurationBuilder.AddCloudConventions();

        // EF meets the nullable id before the plain one (AccessKey.CreatedBy), and would take it for no property at all.
        configurationBuilder.Properties<UserId>();
    }

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        ArgumentNullException.ThrowIfNull(modelBuilder);
        modelBuilder.AddCloudMessaging();
        modelBuilder.AddQuotas();
        modelBuilder.AddIdempotency();
        IdentityModel.Configure(modelBuilder);
    }
}
