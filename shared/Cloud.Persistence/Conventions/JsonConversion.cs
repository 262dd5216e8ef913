using System.Text.Json;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Cloud.Persistence;

/// <summary>A value object or list as JSON text in one column.</summary>
public static class JsonConversion
{
    /// <summary>Stores the property as JSON. The value is compared by its JSON; replace it, do not change it in place.</summary>
    public static PropertyBuilder<T> HasJsonConversion<T>(this PropertyBuilder<T> property)
    {
        ArgumentNullException.ThrowIfNull(property);
        property.HasConversion(
            new ValueConverter<T, string>(value => Write(value), text => Read<T>(text)),
            new ValueComparer<T>(
                (one, other) => Write(one) == Write(other),
                value => StringComparer.Ordinal.GetHashCode(Write(value)),
                value => Read<T>(Write(value))));
        return property;
    }

    private static string Write<T>(T? value) => JsonSerializer.Serialize(value, JsonSerializerOptions.Web);

    private static T Read<T>(string text) => JsonSerializer.Deserialize<T>(text, JsonSerializerOptions.Web)!;
}
