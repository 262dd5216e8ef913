using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace Cloud.Testing.Fuzzing;

/// <summary>One call of a walk, with everything spoilt that shall be.</summary>
internal sealed class FuzzCall(ApiOperation operation)
{
    /// <summary>Where a path names something: nothing that is there, so that nothing is lost.</summary>
    private const string NoSuch = "no-such-thing";

    private const int ShownMax = 160;

    private readonly Dictionary<string, string> _path = [];
    private readonly List<(string Name, string Value)> _query = [];
    private readonly List<(string Name, string Value)> _headers = [];
    private byte[]? _body = operation.Body is { } body ? Encoding.UTF8.GetBytes(body.ToJsonString()) : null;
    private string? _contentType = "application/json";

    /// <summary>What is wrong with the call, for people.</summary>
    public string Spoilt { get; private set; } = "nothing";

    /// <summary>The server may refuse it before any of our code sees it, and then it answers with a status alone.</summary>
    public bool IsProtocol { get; private set; }

    public FuzzCall With(ApiParameter parameter, string value, bool encoded = false)
    {
        Spoilt = $"{parameter.In} {parameter.Name} = {Shown(value)}";
        var text = encoded ? value : Uri.EscapeDataString(value);
        switch (parameter.In)
        {
            case "path":
                _path[parameter.Name] = text;
                IsProtocol = true;
                break;
            case "query":
                _query.Add((parameter.Name, text));
                break;
            default:
                _headers.Add((parameter.Name, value));
                IsProtocol = value.Any(c => c is < ' ' or > '~');
                break;
        }

        return this;
    }

    public FuzzCall WithHeader(string name, string value) => With(new ApiParameter(name, "header", false), value);

    public FuzzCall WithField(string path, JsonNode body)
    {
        Spoilt = $"body at {path}: {Shown(body.ToJsonString())}";
        _body = Encoding.UTF8.GetBytes(body.ToJsonString());
        return this;
    }

    public FuzzCall WithBody(byte[] body)
    {
        Spoilt = $"body {Shown(Encoding.UTF8.GetString(body))} ({body.Length} bytes)";
        _body = body;
        return this;
    }

    public FuzzCall WithContentType(string? type)
    {
        Spoilt = $"content type {Shown(type ?? "none")}";
        _contentType = type;
        return this;
    }

    /// <param name="server">Scheme, host and port.</param>
    public HttpRequestMessage ToRequest(string server, string token)
    {
        var path = operation.Path;
        foreach (var parameter in operation.Parameters.Where(parameter => parameter.In == "path"))
        {
            path = path.Replace($"{{{parameter.Name}}}", _path.GetValueOrDefault(parameter.Name, NoSuch), StringComparison.Ordinal);
        }

        var query = string.Join('&', operation.Parameters
            .Where(parameter => parameter is { In: "query", Required: true } && _query.TrueForAll(given => given.Name != parameter.Name))
            .Select(parameter => $"{parameter.Name}=fuzz")
            .Concat(_query.Select(pair => $"{pair.Name}={pair.Value}")));
        // As it stands: a fuzzer's path must not be tidied up on the way.
        var options = new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true };
        var request = new HttpRequestMessage(
            new HttpMethod(operation.Method), new Uri($"{server}{path}{(query.Length > 0 ? "?" : "")}{query}", options));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        foreach (var (name, value) in _headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        if (_body is not null)
        {
            request.Content = new ByteArrayContent(_body);
            if (_contentType is not null)
            {
                request.Content.Headers.TryAddWithoutValidation("Content-Type", _contentType);
            }
        }

        return request;
    }

    public override string ToString() => $"{operation.Method} {operation.Path} with {Spoilt}";

    private static string Shown(string text)
    {
        var shown = text.Length <= ShownMax ? text : $"{text[..ShownMax]}… ({text.Length} characters)";
        return string.Concat(shown.Select(c => char.IsControl(c) ? $"\\u{(int)c:x4}" : $"{c}"));
    }
}
