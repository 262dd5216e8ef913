using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Identity.Audit;

/// <summary>The id of an entry of the audit log: <c>aud-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<AuditEntryId>))]
public readonly record struct AuditEntryId(string Value) : ITypedId<AuditEntryId>
{
    public static string Prefix => "aud";

    public static AuditEntryId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out AuditEntryId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
