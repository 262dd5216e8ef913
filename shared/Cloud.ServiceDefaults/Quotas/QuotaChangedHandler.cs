using Cloud.Identity.Contracts;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ServiceDefaults.Quotas;

/// <summary>Keeps in a service's database what limits identity has told.</summary>
internal sealed class QuotaChangedHandler<TContext> : IMessageHandler<TContext, QuotaChanged>
    where TContext : DbContext
{
    /// <summary>One statement, so that two replicas that handle two messages at once leave the newer.</summary>
    public Task HandleAsync(QuotaChanged message, TContext db, CancellationToken ct) => db.Database.ExecuteSqlAsync(
        $"""
        INSERT INTO "quota_limits" ("Project", "Name", "Limit", "Generation")
        VALUES ({message.Project}, {message.Name}, {message.Limit}, {message.Generation})
        ON CONFLICT ("Project", "Name") DO UPDATE SET "Limit" = excluded."Limit", "Generation" = excluded."Generation"
        WHERE excluded."Generation" > "quota_limits"."Generation"
        """,
        ct);
}
