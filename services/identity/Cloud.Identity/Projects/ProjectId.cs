using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Identity.Projects;

/// <summary>The id of a project: <c>prj-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<ProjectId>))]
public readonly record struct ProjectId(string Value) : ITypedId<ProjectId>
{
    public static string Prefix => "prj";

    public static ProjectId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ProjectId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
