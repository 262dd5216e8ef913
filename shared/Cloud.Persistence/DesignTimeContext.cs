using System.Reflection;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Persistence;

/// <summary>
/// Makes a context of a service without the service and without a server: to make migrations, and to compare them with the model.
/// </summary>
internal static class DesignTimeContext
{
    public static DbContext Create(Type context, bool postgres) =>
        (DbContext)typeof(DesignTimeContext).GetMethod(nameof(Create), 1, BindingFlags.Static | BindingFlags.Public, [typeof(bool)])!
            .MakeGenericMethod(context).Invoke(null, [postgres])!;

    public static TContext Create<TContext>(bool postgres)
        where TContext : DbContext
    {
        var database = new CloudDatabase<TContext>(
            "design", postgres ? "Host=design;Database=design" : null, postgres ? null : "design.db");
        var options = new DbContextOptionsBuilder<TContext>();
        CloudDatabaseSetup.Configure(options, database, TimeProvider.System);
        return (TContext)Activator.CreateInstance(typeof(TContext), options.Options)!;
    }
}
