using System.Reflection;
using System.Runtime.Loader;

namespace Cloud.Persistence;

/// <summary>Finds the assemblies that hold a context's migrations, one for each database, beside the service's own.</summary>
internal static class MigrationAssemblies
{
    public static string NameOf(Type context, bool postgres) =>
        $"{context.Assembly.GetName().Name}.Migrations.{(postgres ? "Postgres" : "Sqlite")}";

    /// <summary>
    /// Loads the assembly. The service cannot reference it, as it references the service: so it may lie beside the service's program
    /// without being among what the program was built with.
    /// </summary>
    public static void Load(Type context, bool postgres)
    {
        var name = NameOf(context, postgres);
        var file = Path.Combine(AppContext.BaseDirectory, $"{name}.dll");
        if (File.Exists(file))
        {
            // Before anybody asks for it by name: that an assembly was not found is remembered, even where it is loaded later.
            AssemblyLoadContext.Default.LoadFromAssemblyPath(file);
        }
        else
        {
            Assembly.Load(name);
        }
    }
}
