using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Backup.Vaults;

/// <summary>The id of a vault: <c>vault-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<VaultId>))]
public readonly record struct VaultId(string Value) : ITypedId<VaultId>
{
    public static string Prefix => "vault";

    public static VaultId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out VaultId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
