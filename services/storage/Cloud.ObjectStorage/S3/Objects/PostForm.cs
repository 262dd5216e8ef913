using System.Globalization;
using System.Text;
using System.Text.Json;
using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.S3.Checksums;
using Cloud.ObjectStorage.S3.Signing;

namespace Cloud.ObjectStorage.S3.Objects;

/// <summary>The fields of a form that came before its file, and the policy among them ("POST policy").</summary>
internal sealed class PostForm
{
    private static readonly string[] ExpirationForms = ["yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'"];

    private static readonly JsonDocumentOptions Json = new() { MaxDepth = 8 };

    private static readonly string[] NeedNoCondition =
        ["x-amz-signature", "file", "policy", "bucket", "submit", "awsaccesskeyid", "signature", "x-amz-algorithm", "x-amz-credential",
            "x-amz-date"];

    private readonly Dictionary<string, string> _fields = new(StringComparer.OrdinalIgnoreCase);

    public int Count => _fields.Count;

    public string FileName { get; set; } = "";

    /// <summary>Null where the form has no such field.</summary>
    public string? this[string name] => _fields.GetValueOrDefault(name);

    public void Add(string name, string value) => _fields[name] = value;

    /// <exception cref="S3Exception">It is not there.</exception>
    public string Require(string name) => this[name]
        ?? throw S3Error.InvalidArgument.With($"Bucket POST must contain a field named '{name}'.", ("ArgumentName", name));

    /// <summary>Who signed the policy; a form without one is anonymous.</summary>
    public async Task<Principal> VerifyAsync(S3Request request)
    {
        if (this["policy"] is not { } policy)
        {
            return Principal.Anonymous;
        }

        if (this["AWSAccessKeyId"] is not null && this["x-amz-signature"] is null)
        {
            throw S3Error.InvalidRequest.With(SignatureVerifier.OnlyVersion4, ("ArgumentName", "AWSAccessKeyId"));
        }

        return await request.Services.Signatures.VerifyPolicyAsync(
            policy, Require("x-amz-algorithm"), Require("x-amz-credential"), Require("x-amz-date"), Require("x-amz-signature"),
            request.Aborted);
    }

    /// <summary>The limits of the file's length that the policy sets, once all its other conditions hold.</summary>
    /// <exception cref="S3Exception">One does not, or the policy has expired.</exception>
    public (long Min, long Max) Check(Bucket bucket, string key, DateTimeOffset now)
    {
        if (this["policy"] is not { } text)
        {
            return (0, BlobReceiver.ObjectBytesMax);
        }

        try
        {
            using var document = JsonDocument.Parse(Convert.FromBase64String(text), Json);
            return Check(document.RootElement, bucket, key, now);
        }
        catch (Exception malformed) when (
            malformed is JsonException or FormatException or InvalidOperationException or KeyNotFoundException)
        {
            throw new S3Error("InvalidPolicyDocument", 400, "Invalid Policy: Invalid JSON.").With();
        }
    }

    /// <summary>What the fields say of the object, as the headers of a PUT would.</summary>
    public void PutHeaders(S3Request request)
    {
        var headers = request.Headers;
        foreach (var name in new[] { "Content-Type", "Content-Encoding", "Content-Disposition", "Cache-Control", "Expires" })
        {
            headers.Remove(name);
        }

        foreach (var (name, value) in _fields)
        {
            var bytes = Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(value));
            if (name.Equals("acl", StringComparison.OrdinalIgnoreCase))
            {
                headers["x-amz-acl"] = value;
            }
            else if ((name.StartsWith("x-amz-", StringComparison.OrdinalIgnoreCase)
                || name.ToLowerInvariant() is "content-type" or "content-encoding" or "content-disposition" or "cache-control" or "expires")
                && !bytes.Any(c => c is < ' ' or '\x7f'))
            {
                headers[name] = bytes;
            }
        }
    }

    /// <summary>A checksum among the fields is verified.</summary>
    public void Expect(PayloadStream body)
    {
        foreach (var algorithm in ChecksumAlgorithm.All)
        {
            if (this[algorithm.Header] is { } value)
            {
                body.Expect(algorithm, value);
            }
        }
    }

    private (long Min, long Max) Check(JsonElement policy, Bucket bucket, string key, DateTimeOffset now)
    {
        if (!policy.TryGetProperty("expiration", out var expiration) || !policy.TryGetProperty("conditions", out var conditions)
            || !DateTimeOffset.TryParseExact(
                expiration.GetString(), ExpirationForms, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var until))
        {
            throw new S3Error("InvalidPolicyDocument", 400, "Invalid Policy: it needs expiration and conditions.").With();
        }

        if (until <= now)
        {
            throw S3Error.AccessDenied.With("Invalid according to Policy: Policy expired.");
        }

        var (min, max) = (0L, BlobReceiver.ObjectBytesMax);
        var seen = new HashSet<string>(NeedNoCondition, StringComparer.OrdinalIgnoreCase);
        foreach (var condition in conditions.EnumerateArray())
        {
            if (condition.ValueKind == JsonValueKind.Object)
            {
                if (!condition.EnumerateObject().Any())
                {
                    throw new S3Error("InvalidPolicyDocument", 400, "Invalid Policy: a condition is empty.").With();
                }

                foreach (var field in condition.EnumerateObject())
                {
                    Require(field.Name, "eq", field.Value.GetString() ?? "");
                }

                continue;
            }

            var parts = condition.EnumerateArray().ToList();
            if (parts.Count != 3)
            {
                throw new S3Error("InvalidPolicyDocument", 400, "Invalid Policy: a condition has three parts.").With();
            }

            if (parts[0].GetString()!.Equals("content-length-range", StringComparison.OrdinalIgnoreCase))
            {
                (min, max) = (Bytes(parts[1]), Bytes(parts[2]));
                continue;
            }

            Require(parts[1].GetString()!.TrimStart('$'), parts[0].GetString()!.ToLowerInvariant(), parts[2].GetString() ?? "");
        }

        if (_fields.Keys.FirstOrDefault(name => !seen.Contains(name) && !name.StartsWith("x-ignore-", StringComparison.OrdinalIgnoreCase)
            && !name.StartsWith(ChecksumAlgorithm.HeaderPrefix, StringComparison.OrdinalIgnoreCase)) is { } extra)
        {
            throw S3Error.AccessDenied.With($"Invalid according to Policy: Extra input fields: {extra}");
        }

        return (min, max);

        void Require(string name, string how, string wanted)
        {
            seen.Add(name);
            var has = name.ToLowerInvariant() switch
            {
                "bucket" => bucket.Name,
                "key" => key,
                _ => this[name] ?? "",
            };
            var holds = how switch
            {
                "eq" => has == wanted,
                "starts-with" => has.StartsWith(wanted, StringComparison.Ordinal),
                _ => throw new S3Error("InvalidPolicyDocument", 400, "Invalid Policy: unknown operator.").With(),
            };
            if (!holds)
            {
                throw S3Error.AccessDenied.With(
                    $"Invalid according to Policy: Policy Condition failed: [\"{how}\", \"${name}\", \"{wanted}\"]");
            }
        }
    }

    private static long Bytes(JsonElement element) => element.ValueKind == JsonValueKind.Number && element.TryGetInt64(out var number)
        && number >= 0
        ? number
        : element.ValueKind == JsonValueKind.String && long.TryParse(element.GetString(), CultureInfo.InvariantCulture, out number)
            && number >= 0
            ? number
            : throw new S3Error("InvalidPolicyDocument", 400, "Invalid Policy: content-length-range takes two numbers.").With();
}
