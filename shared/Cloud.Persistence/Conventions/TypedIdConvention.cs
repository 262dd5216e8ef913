using Cloud.Primitives;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Metadata.Conventions;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Cloud.Persistence;

/// <summary>Gives every property of a typed id the converter of its own type.</summary>
internal sealed class TypedIdConvention : IPropertyAddedConvention
{
    public void ProcessPropertyAdded(IConventionPropertyBuilder propertyBuilder, IConventionContext<IConventionPropertyBuilder> context)
    {
        var type = Nullable.GetUnderlyingType(propertyBuilder.Metadata.ClrType) ?? propertyBuilder.Metadata.ClrType;
        if (type.GetInterfaces().Any(one => one.IsGenericType && one.GetGenericTypeDefinition() == typeof(ITypedId<>)))
        {
            propertyBuilder.HasConverter(typeof(TypedIdConverter<>).MakeGenericType(type));
        }
    }
}

/// <summary>A typed id as its text.</summary>
internal sealed class TypedIdConverter<TId>() : ValueConverter<TId, string>(id => id.Value, text => FromText(text))
    where TId : struct, ITypedId<TId>
{
    /// <summary>An expression tree may not name a static member of an interface.</summary>
    private static TId FromText(string text) => TId.FromValue(text);
}
