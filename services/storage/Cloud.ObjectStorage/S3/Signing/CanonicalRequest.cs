using System.Text;

namespace Cloud.ObjectStorage.S3.Signing;

/// <summary>The text that is signed: method, path, query, headers and the body's hash, each in one form.</summary>
internal static class CanonicalRequest
{
    /// <param name="path">Encoded.</param>
    /// <param name="host">The host that stands for the one that was asked, where it is tried with another.</param>
    /// <param name="signedHeaders">Names in lower case, sorted.</param>
    public static string Of(
        string method, string path, S3Query query, IHeaderDictionary headers, string host, IReadOnlyList<string> signedHeaders,
        string payloadHash)
    {
        var text = new StringBuilder(512);
        text.Append(method).Append('\n').Append(path.Length == 0 ? "/" : path).Append('\n');
        AppendQuery(text, query);
        text.Append('\n');
        foreach (var name in signedHeaders)
        {
            text.Append(name).Append(':');
            if (name == "host")
            {
                text.Append(host);
            }
            else
            {
                AppendValue(text, headers[name]);
            }

            text.Append('\n');
        }

        text.Append('\n').AppendJoin(';', signedHeaders).Append('\n').Append(payloadHash);
        return text.ToString();
    }

    private static void AppendQuery(StringBuilder text, S3Query query)
    {
        if (query.All.Count == 0)
        {
            return;
        }

        var pairs = query.All.Where(pair => pair.Key != "X-Amz-Signature")
            .Select(pair => (Name: S3Uri.Encode(pair.Key, keepSlash: false), Value: S3Uri.Encode(pair.Value, keepSlash: false)))
            .ToList();
        pairs.Sort((one, other) => string.CompareOrdinal(one.Name, other.Name) is not 0 and var order
            ? order
            : string.CompareOrdinal(one.Value, other.Value));
        for (var at = 0; at < pairs.Count; at++)
        {
            text.Append(at == 0 ? "" : "&").Append(pairs[at].Name).Append('=').Append(pairs[at].Value);
        }
    }

    /// <summary>Outer spaces go, inner ones are one.</summary>
    private static void AppendValue(StringBuilder text, Microsoft.Extensions.Primitives.StringValues values)
    {
        for (var at = 0; at < values.Count; at++)
        {
            text.Append(at == 0 ? "" : ",");
            var space = false;
            foreach (var c in values[at].AsSpan().Trim())
            {
                if (c != ' ' || !space)
                {
                    text.Append(c);
                }

                space = c == ' ';
            }
        }
    }
}
