using System.Text.Json.Nodes;

namespace Cloud.Testing.Fuzzing;

/// <summary>One operation as an OpenAPI document describes it.</summary>
internal sealed record ApiOperation(
    string Method, string Path, IReadOnlyList<ApiParameter> Parameters, JsonNode? Body, bool RawBody, bool Streams)
{
    private const int DepthMax = 6;

    /// <summary>All operations of a document.</summary>
    public static IEnumerable<ApiOperation> Read(JsonNode document)
    {
        foreach (var (path, item) in document["paths"]!.AsObject())
        {
            foreach (var (method, operation) in item!.AsObject().Where(pair => pair.Key is "get" or "post" or "put" or "patch" or "delete"))
            {
                var content = operation!["requestBody"]?["content"]?.AsObject();
                var json = content?["application/json"];
                yield return new ApiOperation(
                    method.ToUpperInvariant(),
                    path,
                    (operation["parameters"]?.AsArray() ?? []).Select(ApiParameter.Read).ToList(),
                    json is null ? null : json["example"]?.DeepClone() ?? Example(document, json["schema"], 0) ?? new JsonObject(),
                    content is not null && json is null,
                    operation["responses"]?.AsObject().Any(answer => answer.Value?["content"]?["text/event-stream"] is not null) == true);
            }
        }
    }

    /// <summary>Something of the schema's form, with all its fields, so that each can be spoilt.</summary>
    private static JsonNode? Example(JsonNode document, JsonNode? schema, int depth)
    {
        if (schema?["$ref"]?.GetValue<string>() is { } reference)
        {
            schema = reference.TrimStart('#', '/').Split('/').Aggregate(document, (node, name) => node[name]!);
        }

        if (schema is null || depth > DepthMax)
        {
            return null;
        }

        if (schema["enum"] is JsonArray { Count: > 0 } words)
        {
            return words[0]!.DeepClone();
        }

        if ((schema["oneOf"] ?? schema["allOf"] ?? schema["anyOf"]) is JsonArray { Count: > 0 } choices)
        {
            return Example(document, choices[0], depth + 1);
        }

        return schema["type"]?.GetValue<string>() switch
        {
            "object" => new JsonObject((schema["properties"]?.AsObject() ?? []).Select(
                property => new KeyValuePair<string, JsonNode?>(property.Key, Example(document, property.Value, depth + 1)))),
            "array" => new JsonArray(Example(document, schema["items"], depth + 1)),
            "integer" or "number" => JsonValue.Create(1),
            "boolean" => JsonValue.Create(false),
            "string" => JsonValue.Create("fuzz"),
            _ => null,
        };
    }
}

/// <summary>One parameter.</summary>
/// <param name="In"><c>path</c>, <c>query</c> or <c>header</c>.</param>
internal sealed record ApiParameter(string Name, string In, bool Required)
{
    public static ApiParameter Read(JsonNode? parameter) => new(
        parameter!["name"]!.GetValue<string>(), parameter["in"]!.GetValue<string>(), parameter["required"]?.GetValue<bool>() ?? false);
}
