using Cloud.Persistence;
using Microsoft.EntityFrameworkCore;
using Shouldly;

namespace Cloud.Testing.Databases;

/// <summary>Holds a service's migrations against its model.</summary>
public static class MigrationChecks
{
    /// <summary>Fails where a migration is missing: <c>infra/migrations.sh</c> makes it.</summary>
    public static void ShouldHaveAllOfTheModel<TContext>()
        where TContext : DbContext
    {
        foreach (var postgres in new[] { false, true })
        {
            MigrationAssemblies.Load(typeof(TContext), postgres);
            using var context = DesignTimeContext.Create<TContext>(postgres);
            context.Database.HasPendingModelChanges().ShouldBeFalse(
                $"The model of {typeof(TContext).Name} has changed: "
                + $"run infra/migrations.sh for it ({(postgres ? "PostgreSQL" : "SQLite")}).");
        }
    }
}
