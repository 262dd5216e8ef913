using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Cloud.Switch.Client;

namespace Cloud.Switch.Metadata;

/// <summary>
/// As much of HTTP/1.1 (RFC 9112) as the metadata's clients speak: GET, HEAD and the PUT for a token, connections kept or not.
/// </summary>
internal static class MetadataConnection
{
    private const int HeadBytesMax = 8 * 1024;
    private const int BodyBytesMax = 1024;
    private static readonly TimeSpan RequestLimit = TimeSpan.FromSeconds(30);

    public static async Task ServeAsync(Stream stream, Func<SwitchPort> port, TimeProvider time)
    {
        var buffer = new byte[HeadBytesMax];
        var filled = 0;
        while (true)
        {
            using var limit = new CancellationTokenSource(RequestLimit, time);
            int end;
            while ((end = EndOfHead(buffer.AsSpan(0, filled))) < 0)
            {
                if (filled == buffer.Length)
                {
                    await WriteAsync(stream, "431 Request Header Fields Too Large", "", head: false, keep: false, limit.Token);
                    return;
                }

                var read = await stream.ReadAsync(buffer.AsMemory(filled), limit.Token);
                if (read == 0)
                {
                    return;
                }

                filled += read;
            }

            var request = Request.Parse(Encoding.Latin1.GetString(buffer, 0, end));
            buffer.AsSpan(end, filled - end).CopyTo(buffer);
            filled -= end;
            if (request is null || request.BodyLength > BodyBytesMax)
            {
                await WriteAsync(stream, "400 Bad Request", "", head: false, keep: false, limit.Token);
                return;
            }

            while (filled < request.BodyLength)
            {
                var read = await stream.ReadAsync(buffer.AsMemory(filled), limit.Token);
                if (read == 0)
                {
                    return;
                }

                filled += read;
            }

            buffer.AsSpan(request.BodyLength, filled - request.BodyLength).CopyTo(buffer);
            filled -= request.BodyLength;
            var (status, body) = Answer(request, port());
            await WriteAsync(stream, status, body, request.Method == "HEAD", request.Keep, limit.Token);
            if (!request.Keep)
            {
                return;
            }
        }
    }

    private static (string Status, string Body) Answer(Request request, SwitchPort port) => request switch
    {
        // IMDSv2's session token. The guest is known by its port: a token is given, and none is asked for.
        { Method: "PUT", Path: "/latest/api/token" } => ("200 OK", Convert.ToBase64String(RandomNumberGenerator.GetBytes(40))),
        { Method: "GET" or "HEAD" } => MetadataTree.Find(port, request.Path) is { } found ? ("200 OK", found) : ("404 Not Found", ""),
        _ => ("405 Method Not Allowed", ""),
    };

    private static async Task WriteAsync(Stream stream, string status, string body, bool head, bool keep, CancellationToken ct)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var text = $"HTTP/1.1 {status}\r\nServer: cloud\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {bytes.Length}\r\n"
            + $"X-Aws-Ec2-Metadata-Token-Ttl-Seconds: 21600\r\nConnection: {(keep ? "keep-alive" : "close")}\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(text), ct);
        if (!head)
        {
            await stream.WriteAsync(bytes, ct);
        }
    }

    /// <summary>Where the empty line after the head ends; negative where it is not there yet.</summary>
    private static int EndOfHead(ReadOnlySpan<byte> bytes)
    {
        var at = bytes.IndexOf("\r\n\r\n"u8);
        return at < 0 ? -1 : at + 4;
    }

    private sealed record Request(string Method, string Path, bool Keep, int BodyLength)
    {
        /// <summary>Null where it is no request that is understood.</summary>
        public static Request? Parse(string head)
        {
            var lines = head.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
            if (lines.Length == 0 || lines[0].Split(' ') is not [var method, var target, "HTTP/1.1" or "HTTP/1.0"] first)
            {
                return null;
            }

            var keep = first[2] == "HTTP/1.1";
            var length = 0;
            foreach (var line in lines.AsSpan(1))
            {
                var colon = line.IndexOf(':', StringComparison.Ordinal);
                if (colon <= 0)
                {
                    return null;
                }

                var value = line[(colon + 1)..].Trim();
                switch (line[..colon].ToLowerInvariant())
                {
                    case "connection":
                        keep = value.Equals("keep-alive", StringComparison.OrdinalIgnoreCase)
                            || (keep && !value.Equals("close", StringComparison.OrdinalIgnoreCase));
                        break;
                    case "content-length" when !int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out length):
                    case "transfer-encoding":
                        return null;
                }
            }

            // A client may send the whole URL, and a query that means nothing here.
            const string scheme = "http://";
            var path = target.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)
                ? target.IndexOf('/', scheme.Length) is >= 0 and var slash ? target[slash..] : "/"
                : target;
            return new Request(method, path.Split('?')[0], keep, length);
        }
    }
}
