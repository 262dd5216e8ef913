using System.Reflection;
using System.Runtime.CompilerServices;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Persistence;

/// <summary>How the cloud's types lie in both databases.</summary>
public static class CloudConventions
{
    /// <summary>
    /// Typed ids as their text; times as UTC ticks, which compare and sort on both databases and lose nothing; enums as numbers;
    /// <see cref="IVersioned.Version"/> as the concurrency token.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ModelConfigurationBuilder AddCloudConventions(this ModelConfigurationBuilder configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        configuration.Properties<DateTimeOffset>().HaveConversion<UtcTicksConverter>();
        foreach (var id in TypedIdsOf(Assembly.GetCallingAssembly()))
        {
            configuration.Properties(id).HaveConversion(typeof(TypedIdConverter<>).MakeGenericType(id));
        }

        configuration.Conventions.Add(_ => new VersionConvention());
        return configuration;
    }

    /// <summary>The typed ids that a context's rows can hold: of its own service, and of the contracts that the service knows.</summary>
    private static IEnumerable<Type> TypedIdsOf(Assembly service) => service.GetReferencedAssemblies()
        .Where(name => name.Name!.StartsWith("Cloud.", StringComparison.Ordinal)).Select(Assembly.Load).Append(service)
        .SelectMany(assembly => assembly.GetTypes())
        .Where(
            type => type.IsValueType
                && type.GetInterfaces().Any(one => one.IsGenericType && one.GetGenericTypeDefinition() == typeof(ITypedId<>)));
}
