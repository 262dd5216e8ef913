namespace Cloud.Identity.FirstStart;

/// <summary>
/// The file that a shell sources: <c>export NAME='value'</c> lines. The secrets in it hold letters, digits and '_' alone, so nothing needs
/// to be quoted more than so.
/// </summary>
/// <param name="Url">The gateway's.</param>
/// <param name="S3Url">The S3 endpoint's.</param>
internal sealed record CredentialsFile(string Url, string S3Url, string Token, string AccessKeyId, string SecretAccessKey)
{
    /// <summary>Clients ask for one; the cloud has one, and this name they all know.</summary>
    private const string Region = "us-east-1";

    private const string TokenName = "CLOUD_TOKEN";
    private const string AccessKeyIdName = "AWS_ACCESS_KEY_ID";
    private const string SecretAccessKeyName = "AWS_SECRET_ACCESS_KEY";

    /// <summary>Not the secrets.</summary>
    public override string ToString() => nameof(CredentialsFile);

    public string ToText() => string.Concat(
        Line("CLOUD_URL", Url),
        Line(TokenName, Token),
        Line(AccessKeyIdName, AccessKeyId),
        Line(SecretAccessKeyName, SecretAccessKey),
        Line("AWS_ENDPOINT_URL", S3Url),
        Line("AWS_REGION", Region),
        Line("AWS_DEFAULT_REGION", Region));

    /// <summary>The secrets of a file written before.</summary>
    /// <returns>Null where the text is not of such a file.</returns>
    public static (string Token, string AccessKeyId, string SecretAccessKey)? ReadSecrets(string text)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in text.Split('\n'))
        {
            var parts = line.Split("='", 2);
            if (parts.Length == 2 && parts[0].StartsWith("export ", StringComparison.Ordinal) && parts[1].EndsWith('\''))
            {
                values[parts[0]["export ".Length..]] = parts[1][..^1];
            }
        }

        return values.TryGetValue(TokenName, out var token) && values.TryGetValue(AccessKeyIdName, out var id)
            && values.TryGetValue(SecretAccessKeyName, out var secret)
            ? (token, id, secret)
            : null;
    }

    private static string Line(string name, string value) => $"export {name}='{value}'\n";
}
