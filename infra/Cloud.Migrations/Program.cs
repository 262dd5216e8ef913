using System.Reflection;
using System.Runtime.Loader;
using Cloud.Persistence;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.EntityFrameworkCore.Migrations.Design;
using Microsoft.Extensions.DependencyInjection;

// Adds a migration for what a service's model has and its migrations of one database lack. infra/migrations.sh calls it.
if (args is not [var service, var migrations, var folder, var database and ("Sqlite" or "Postgres"), var name])
{
    await Console.Error.WriteLineAsync("Usage: Cloud.Migrations SERVICE.dll MIGRATIONS.dll MIGRATIONS_PROJECT_FOLDER Sqlite|Postgres NAME");
    return 2;
}

// The service's folder holds all that the service needs.
AssemblyLoadContext.Default.Resolving += (context, wanted) =>
{
    var path = Path.Combine(Path.GetDirectoryName(service)!, $"{wanted.Name}.dll");
    return File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;
};
var assembly = AssemblyLoadContext.Default.LoadFromAssemblyPath(service);
AssemblyLoadContext.Default.LoadFromAssemblyPath(migrations);
var contextType = assembly.GetTypes().Single(type => type.IsSubclassOf(typeof(DbContext)) && !type.IsAbstract);

var postgres = database == "Postgres";
await using (var asked = DesignTimeContext.Create(contextType, postgres))
{
    // A context of its own: to be compared, the snapshot's model is finished, and a finished one is no base for the next migration.
    if (!asked.Database.HasPendingModelChanges())
    {
        await Console.Error.WriteLineAsync($"{contextType.Name}: the {database} migrations have all that the model has.");
        return 0;
    }
}

await using var db = DesignTimeContext.Create(contextType, postgres);
var services = new ServiceCollection().AddEntityFrameworkDesignTimeServices().AddDbContextDesignTimeServices(db);
ProviderServices(db).ConfigureDesignTimeServices(services);
await using var provider = services.BuildServiceProvider();
var scaffolder = provider.GetRequiredService<IMigrationsScaffolder>();
var migration = scaffolder.ScaffoldMigration(name, Path.GetFileNameWithoutExtension(migrations), "Migrations");
var files = scaffolder.Save(folder, migration, Path.Combine(folder, "Migrations"));
await Console.Error.WriteLineAsync($"Made {files.MigrationFile}");
return 0;

// A provider's assembly names the class that registers what makes its migrations.
static IDesignTimeServices ProviderServices(DbContext db)
{
    var provider = AppDomain.CurrentDomain.GetAssemblies().Single(one => one.GetName().Name == db.Database.ProviderName);
    var typeName = provider.GetCustomAttribute<DesignTimeProviderServicesAttribute>()!.TypeName;
    return (IDesignTimeServices)Activator.CreateInstance(provider.GetType(typeName.Split(',')[0], throwOnError: true)!)!;
}
