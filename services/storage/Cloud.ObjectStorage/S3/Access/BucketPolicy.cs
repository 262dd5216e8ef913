using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Cloud.ObjectStorage.Buckets;

namespace Cloud.ObjectStorage.S3.Access;

/// <summary>What a policy says of a request.</summary>
internal enum PolicyEffect
{
    None,
    Allow,
    Deny,
}

/// <summary>What a policy's conditions look at.</summary>
/// <param name="Values">By condition key in lower case; null where the request has no such value.</param>
internal sealed record PolicyQuestion(
    Principal Caller, string Action, string Resource, IPAddress? SourceAddress, DateTimeOffset Now, Func<string,
    IReadOnlyList<string>?> Values);

/// <summary>A bucket policy (IAM policy grammar, for one bucket). Parsed once for each version of a bucket.</summary>
internal sealed class BucketPolicy
{
    public const int BytesMax = 20 * 1024;
    private const int StatementsMax = 100;

    private static readonly ConditionalWeakTable<Bucket, BucketPolicy> Parsed = [];
    private static readonly BucketPolicy Empty = new([]);
    private static readonly JsonDocumentOptions Json = new() { MaxDepth = 16, AllowDuplicateProperties = false };

    private readonly List<PolicyStatement> _statements;

    private BucketPolicy(List<PolicyStatement> statements) => _statements = statements;

    /// <summary>Whether it opens the bucket to anybody.</summary>
    public bool IsPublic => _statements.Exists(statement => statement.IsPublic);

    public static BucketPolicy Of(Bucket bucket) => bucket.Settings.Policy is null
        ? Empty
        : Parsed.GetValue(bucket, known => Parse(known.Settings.Policy!, known.Name));

    /// <exception cref="S3Exception">It is no policy, or speaks of another bucket.</exception>
    public static BucketPolicy Parse(string json, string bucket)
    {
        try
        {
            using var document = JsonDocument.Parse(json, Json);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("Statement", out var statements))
            {
                throw S3Error.MalformedPolicy.With("Missing required field Statement");
            }

            if (root.TryGetProperty("Version", out var version) && version.GetString() is not ("2012-10-17" or "2008-10-17"))
            {
                throw S3Error.MalformedPolicy.With("The policy must contain a valid version string");
            }

            IEnumerable<JsonElement> all = statements.ValueKind == JsonValueKind.Array ? statements.EnumerateArray() : [statements];
            var parsed = all.Take(StatementsMax + 1).Select(statement => PolicyStatement.Parse(statement, bucket)).ToList();
            return parsed.Count is > 0 and <= StatementsMax
                ? new BucketPolicy(parsed)
                : throw S3Error.MalformedPolicy.With($"A policy has 1 to {StatementsMax} statements.");
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException or ArgumentException)
        {
            throw S3Error.MalformedPolicy.With("Policies must be valid JSON and the first byte must be '{'");
        }
    }

    /// <summary>A denial outweighs any leave.</summary>
    public PolicyEffect Decide(PolicyQuestion question)
    {
        var effect = PolicyEffect.None;
        foreach (var statement in _statements)
        {
            if (statement.Applies(question))
            {
                if (!statement.Allows)
                {
                    return PolicyEffect.Deny;
                }

                effect = PolicyEffect.Allow;
            }
        }

        return effect;
    }
}
