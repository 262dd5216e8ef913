using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Cloud.Persistence;

/// <summary>Counts <see cref="IVersioned.Version"/> up with each save, and has each save be one transaction.</summary>
internal sealed class VersionInterceptor : SaveChangesInterceptor
{
    public override InterceptionResult<int> SavingChanges(DbContextEventData eventData, InterceptionResult<int> result)
    {
        ArgumentNullException.ThrowIfNull(eventData);
        Prepare(eventData.Context!);
        return result;
    }

    public override ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(eventData);
        Prepare(eventData.Context!);
        return ValueTask.FromResult(result);
    }

    private static void Prepare(DbContext context)
    {
        // A save of one statement would run without a transaction: past the writer gate on SQLite, and on PostgreSQL a lost connection
        // would not tell whether it took effect. With a transaction only the commit is in doubt.
        context.Database.AutoTransactionBehavior = AutoTransactionBehavior.Always;
        foreach (var entry in context.ChangeTracker.Entries<IVersioned>())
        {
            if (entry.State == EntityState.Added)
            {
                entry.Entity.Version = 1;
            }
            else if (entry.State == EntityState.Modified)
            {
                // From what was read, so that a save that is tried again does not count twice.
                entry.Entity.Version = entry.Property(versioned => versioned.Version).OriginalValue + 1;
            }
        }
    }
}
