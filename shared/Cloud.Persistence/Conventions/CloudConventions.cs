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
    public static ModelConfigurationBuilder AddCloudConventions(this ModelConfigurationBuilder configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        configuration.Properties<DateTimeOffset>().HaveConversion<UtcTicksConverter>();
        configuration.Properties(typeof(ITypedId<>));
        configuration.Conventions.Add(_ => new TypedIdConvention());
        configuration.Conventions.Add(_ => new VersionConvention());
        return configuration;
    }
}
