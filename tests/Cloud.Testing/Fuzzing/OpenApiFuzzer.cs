using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cloud.Testing.Fuzzing;

/// <summary>
/// Walks the OpenAPI documents of a running cloud and spoils every parameter and every field of every body, one at a time: wrong types,
/// huge, empty, Unicode, control characters; and whole bodies, content types and headers. It holds every answer against the API's rules: no
/// 5xx, every error a problem document with a code, every 400 names a field.
/// </summary>
public sealed class OpenApiFuzzer : IDisposable
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(60);

    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8,
    });

    private readonly Uri _address;
    private readonly string _token;
    private readonly int _seed;
    private readonly Dictionary<int, int> _statuses = [];
    private readonly List<string> _failures = [];
    private readonly bool _mayBeUnavailable;
    private int _calls;

    /// <param name="address">The gateway's.</param>
    /// <param name="token">Of an admin, so that no role hides a fault.</param>
    /// <param name="seed">The same one makes the same calls.</param>
    /// <param name="mayBeUnavailable">Parts of the cloud are being killed meanwhile: 503 with <c>Retry-After</c> is honest.</param>
    public OpenApiFuzzer(Uri address, string token, int seed, bool mayBeUnavailable = false)
    {
        _mayBeUnavailable = mayBeUnavailable;
        _address = address;
        _token = token;
        _seed = seed;
    }

    /// <summary>Walks the documents at these paths.</summary>
    /// <param name="callsPerOperationMax">Where one has more, chance picks among them.</param>
    /// <param name="skip">Operations by method and path (<c>DELETE /v1/tokens/{id}</c>) that would harm the walk itself.</param>
    public async Task<FuzzReport> RunAsync(
        IEnumerable<string> documents, int callsPerOperationMax = int.MaxValue, IReadOnlySet<string>? skip = null,
        CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(documents);
        var random = new Random(_seed);
        var operations = 0;
        foreach (var path in documents)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(_address, path));
            using var answer = await _http.SendAsync(request, ct);
            var document = JsonNode.Parse(await answer.Content.ReadAsStringAsync(ct))!;
            foreach (var operation in ApiOperation.Read(document))
            {
                if (operation.Streams || skip?.Contains($"{operation.Method} {operation.Path}") == true)
                {
                    continue;
                }

                operations++;
                var calls = CallsOf(operation, new BadValues(random)).ToArray();
                random.Shuffle(calls);
                foreach (var call in calls.Take(callsPerOperationMax))
                {
                    await MakeAsync(call, ct);
                }
            }
        }

        return new FuzzReport(_seed, operations, _calls, _statuses, _failures);
    }

    public void Dispose() => _http.Dispose();

    private static IEnumerable<FuzzCall> CallsOf(ApiOperation operation, BadValues values)
    {
        foreach (var parameter in operation.Parameters)
        {
            // A header's value ends at a line break, before the server sees it.
            foreach (var text in values.Texts().Where(text => parameter.In != "header" || !text.AsSpan().ContainsAny('\r', '\n')))
            {
                yield return new FuzzCall(operation).With(parameter, text);
            }

            if (parameter.In != "header")
            {
                foreach (var raw in new[] { "%00", "a%00b", "%", "%zz", "%ff", "%c3%28", "%ed%a0%80", "%u0041", "%2F..%2F", "a%0d%0ab" })
                {
                    yield return new FuzzCall(operation).With(parameter, raw, encoded: true);
                }
            }
        }

        foreach (var (header, value) in new[]
        {
            ("X-Request-Id", "a b\tc"), ("X-Request-Id", new string('r', 5000)), ("traceparent", "00-xyz"),
            ("traceparent", new string('0', 500)), ("tracestate", ",,,=,="),
            ("Idempotency-Key", ""), ("Idempotency-Key", new string('k', 300)), ("Idempotency-Key", "a b"), ("If-Match", "\""),
            ("If-Match", "W/\"x\", *, ,"), ("If-None-Match", "x"),
            ("Accept", "no/such; q=x"), ("Accept-Encoding", "x;q=9"), ("Range", "bytes=9-1"), ("Cookie", "a=b; ;;="),
            ("X-Forwarded-For", "127.0.0.1"), ("Content-Encoding", "gzip"),
        })
        {
            yield return new FuzzCall(operation).WithHeader(header, value);
        }

        if (operation.Body is { } body)
        {
            foreach (var call in BodiesOf(operation, body, values))
            {
                yield return call;
            }
        }
    }

    private static IEnumerable<FuzzCall> BodiesOf(ApiOperation operation, JsonNode body, BadValues values)
    {
        foreach (var bytes in BadBodies.Bytes(body.ToJsonString()))
        {
            yield return new FuzzCall(operation).WithBody(bytes);
        }

        foreach (var type in BadBodies.ContentTypes())
        {
            yield return new FuzzCall(operation).WithContentType(type);
        }

        foreach (var path in FieldsOf(body, []))
        {
            foreach (var value in values.Json())
            {
                yield return new FuzzCall(operation).WithField(string.Join('.', path), Replace(body, path, value));
            }

            yield return new FuzzCall(operation).WithField(string.Join('.', path) + " left out", Without(body, path));
        }

        yield return new FuzzCall(operation).WithField("an unknown field", Replace(body, ["noSuchField"], JsonValue.Create(1)));
    }

    private static IEnumerable<string[]> FieldsOf(JsonNode? node, string[] path)
    {
        var inner = node switch
        {
            JsonObject fields => fields.Select(field => (field.Key, field.Value)),
            JsonArray { Count: > 0 } items => [("0", items[0])],
            _ => [],
        };
        foreach (var (name, value) in inner)
        {
            string[] here = [.. path, name];
            yield return here;
            foreach (var deeper in FieldsOf(value, here))
            {
                yield return deeper;
            }
        }
    }

    private static JsonNode Replace(JsonNode body, string[] path, JsonNode? value)
    {
        var copy = body.DeepClone();
        var (parent, name) = ParentOf(copy, path);
        if (parent is JsonArray items)
        {
            items[0] = value;
        }
        else
        {
            parent[name] = value;
        }

        return copy;
    }

    private static JsonNode Without(JsonNode body, string[] path)
    {
        var copy = body.DeepClone();
        var (parent, name) = ParentOf(copy, path);
        (parent as JsonObject)?.Remove(name);
        (parent as JsonArray)?.Clear();
        return copy;
    }

    private static (JsonNode Parent, string Name) ParentOf(JsonNode root, string[] path) =>
        (path[..^1].Aggregate(root, (node, name) => node is JsonArray items ? items[0]! : node[name]!), path[^1]);

    private async Task MakeAsync(FuzzCall call, CancellationToken ct)
    {
        _calls++;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(AnswerLimit);
        using var request = call.ToRequest(_address.GetLeftPart(UriPartial.Authority), _token);
        try
        {
            using var answer = await _http.SendAsync(request, limit.Token);
            var status = (int)answer.StatusCode;
            _statuses[status] = _statuses.GetValueOrDefault(status) + 1;
            if (status >= 400)
            {
                await CheckErrorAsync(call, answer, limit.Token);
            }
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            _failures.Add($"{call}: no answer within {AnswerLimit}");
        }
        catch (HttpRequestException broken)
        {
            _failures.Add($"{call}: {broken.Message}");
        }
    }

    private async Task CheckErrorAsync(FuzzCall call, HttpResponseMessage answer, CancellationToken ct)
    {
        var status = (int)answer.StatusCode;
        var text = await answer.Content.ReadAsStringAsync(ct);
        if (status >= 500
            && !(_mayBeUnavailable && answer.StatusCode == HttpStatusCode.ServiceUnavailable && answer.Headers.RetryAfter is not null))
        {
            _failures.Add($"{call}: {status} {text}");
            return;
        }

        if (call.IsProtocol && text.Length == 0
            && answer.StatusCode
                is HttpStatusCode.BadRequest or HttpStatusCode.RequestUriTooLong or HttpStatusCode.RequestHeaderFieldsTooLarge)
        {
            return;
        }

        if (answer.Content.Headers.ContentType?.MediaType != "application/problem+json")
        {
            _failures.Add($"{call}: {status} is no problem document but {answer.Content.Headers.ContentType?.MediaType}: {text}");
            return;
        }

        try
        {
            var problem = JsonNode.Parse(text)!.AsObject();
            if (string.IsNullOrEmpty(problem["code"]?.GetValue<string>()) || problem["status"]?.GetValue<int>() != status
                || string.IsNullOrEmpty(problem["detail"]?.GetValue<string>())
                || string.IsNullOrEmpty(problem["traceId"]?.GetValue<string>()))
            {
                _failures.Add($"{call}: {status} lacks a member: {text}");
            }
            else if (answer.StatusCode == HttpStatusCode.BadRequest && problem["errors"] is not JsonObject { Count: > 0 })
            {
                _failures.Add($"{call}: 400 names no field: {text}");
            }
        }
        catch (JsonException)
        {
            _failures.Add($"{call}: {status} is no JSON: {text}");
        }
    }
}
