using Cloud.Identity.Contracts;
using Cloud.Identity.Persistence;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Quotas;

/// <summary>Keeps what the services tell of the use of quotas.</summary>
internal sealed class QuotaUsageHandler : IMessageHandler<IdentityDbContext, QuotaUsage>
{
    public Task HandleAsync(QuotaUsage message, IdentityDbContext db, CancellationToken ct) => db.Database.ExecuteSqlAsync(
        $"""
        INSERT INTO "quota_uses" ("Project", "Name", "Used", "Generation")
        VALUES ({message.Project}, {message.Name}, {message.Used}, {message.Generation})
        ON CONFLICT ("Project", "Name") DO UPDATE SET "Used" = excluded."Used", "Generation" = excluded."Generation"
        WHERE excluded."Generation" > "quota_uses"."Generation"
        """,
        ct);
}
