using Cloud.Identity.AccessKeys;
using Cloud.Identity.Audit;
using Cloud.Identity.FirstStart;
using Cloud.Identity.Members;
using Cloud.Identity.Projects;
using Cloud.Identity.Quotas;
using Cloud.Identity.SigningKeys;
using Cloud.Identity.Tokens;
using Cloud.Identity.Users;
using Cloud.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Persistence;

/// <summary>How the rows lie in tables.</summary>
internal static class IdentityModel
{
    public static void Configure(ModelBuilder model)
    {
        model.Entity<Project>(project =>
        {
            project.Ignore(row => row.Labels);
            project.HasIndex(row => row.Name).IsUnique().HasFilter($"\"Status\" <> {(int)ProjectStatus.Deleted}");
        });
        model.Entity<User>(user =>
        {
            user.Ignore(row => row.Labels);
            user.HasIndex(row => row.Name).IsUnique().HasFilter($"\"Status\" <> {(int)UserStatus.Deleted}");
        });
        model.Entity<Member>(member =>
        {
            member.HasKey(row => new { row.Project, row.User });
            member.HasIndex(row => row.User);
        });
        model.Entity<ApiToken>(token =>
        {
            token.ToTable("Tokens");
            token.Ignore(row => row.Labels);
            token.Ignore(row => row.IsCounted);
            token.Property(row => row.Scopes).HasJsonConversion();
            token.HasIndex(row => new { row.Project, row.Name }).IsUnique().HasFilter("\"RevokedAt\" IS NULL");
            token.HasIndex(row => row.User);
        });
        model.Entity<AccessKey>(key =>
        {
            key.Ignore(row => row.Labels);
            key.Ignore(row => row.IsCounted);
            key.Property(row => row.Buckets).HasJsonConversion();
            key.HasIndex(row => row.PublicId).IsUnique();
            key.HasIndex(row => new { row.Project, row.Name }).IsUnique().HasFilter("\"RevokedAt\" IS NULL");
            key.HasIndex(row => row.User);
        });
        model.Entity<SigningKey>(key => key.HasKey(row => row.Kid));
        model.Entity<ProjectQuota>(quota => quota.HasKey(row => new { row.Project, row.Name }));
        model.Entity<QuotaUse>(use =>
        {
            use.ToTable("quota_uses");
            use.HasKey(row => new { row.Project, row.Name });
        });
        model.Entity<AuditEntry>(entry =>
        {
            entry.HasIndex(row => row.Source).IsUnique();
            entry.HasIndex(row => new { row.Project, row.Id });
        });
        model.Entity<IssuedCredentials>();
    }
}
