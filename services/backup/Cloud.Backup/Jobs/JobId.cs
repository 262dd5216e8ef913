using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Cloud.Primitives;

namespace Cloud.Backup.Jobs;

/// <summary>The id of a backup job: <c>job-…</c>.</summary>
[JsonConverter(typeof(TypedIdJsonConverter<JobId>))]
public readonly record struct JobId(string Value) : ITypedId<JobId>
{
    public static string Prefix => "job";

    public static JobId FromValue(string value) => new(value);

    /// <summary>For route parameters.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out JobId id) => TypedId.TryParse(text, out id);

    public override string ToString() => Value;
}
