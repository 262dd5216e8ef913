using Cloud.Primitives;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Cloud.Persistence;

/// <summary>A typed id as its text.</summary>
internal sealed class TypedIdConverter<TId>() : ValueConverter<TId, string>(id => id.Value, text => FromText(text))
    where TId : struct, ITypedId<TId>
{
    /// <summary>An expression tree may not name a static member of an interface.</summary>
    private static TId FromText(string text) => TId.FromValue(text);
}
