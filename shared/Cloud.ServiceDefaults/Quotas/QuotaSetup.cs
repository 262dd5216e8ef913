using Cloud.Identity.Contracts;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ServiceDefaults.Quotas;

/// <summary>Quotas in a service: identity says the limits, the service counts in its own transactions.</summary>
public static class QuotaSetup
{
    /// <summary>Adds the tables <c>quota_counts</c> and <c>quota_limits</c>.</summary>
    public static ModelBuilder AddQuotas(this ModelBuilder model)
    {
        ArgumentNullException.ThrowIfNull(model);
        model.Entity<QuotaCount>(count =>
        {
            count.ToTable("quota_counts");
            count.HasKey(row => new { row.Project, row.Name });
        });
        model.Entity<QuotaLimit>(limit =>
        {
            limit.ToTable("quota_limits");
            limit.HasKey(row => new { row.Project, row.Name });
        });
        return model;
    }

    /// <summary>Has the service learn of changed limits.</summary>
    public static ServiceMessaging<TContext> AddQuotas<TContext>(this ServiceMessaging<TContext> messaging)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(messaging);
        return messaging.AddHandler<QuotaChanged, QuotaChangedHandler<TContext>>();
    }

    /// <summary>The quotas, for the context's transaction.</summary>
    public static QuotaLedger Quotas(this DbContext db) => new(db);
}
