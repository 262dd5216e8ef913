using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Metadata.Conventions;

namespace Cloud.Persistence;

/// <summary>Makes <see cref="IVersioned.Version"/> the concurrency token of its entity.</summary>
internal sealed class VersionConvention : IPropertyAddedConvention
{
    public void ProcessPropertyAdded(IConventionPropertyBuilder propertyBuilder, IConventionContext<IConventionPropertyBuilder> context)
    {
        var property = propertyBuilder.Metadata;
        if (property.Name == nameof(IVersioned.Version) && typeof(IVersioned).IsAssignableFrom(property.DeclaringType.ClrType))
        {
            propertyBuilder.IsConcurrencyToken(true);
        }
    }
}
