using System.Net;
using System.Text.Json;

namespace Cloud.Gateway.Tests;

public sealed class SwaggerTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PageAndDocuments_NeedNoToken(bool proxied)
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        using var root = await cloud.GetAsync("/", null);
        root.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        root.Headers.Location!.ToString().ShouldBe("/swagger");
        foreach (var path in new[]
        {
            "/swagger/index.html", "/swagger/index.js", "/swagger/swagger-ui.css", "/swagger/swagger-ui-bundle.js",
            "/swagger/compute/openapi.json", "/swagger/gateway/openapi.json",
        })
        {
            using var answer = await cloud.GetAsync(path, null);
            answer.StatusCode.ShouldBe(HttpStatusCode.OK, path);
        }

        using var page = await cloud.GetAsync("/swagger/index.html", null);
        (await page.Content.ReadAsStringAsync()).ShouldNotContain("//cdn");
        page.Header("Content-Security-Policy").ShouldContain("default-src 'self'");
        using var list = await cloud.GetAsync("/swagger/index.js", null);
        var script = await list.Content.ReadAsStringAsync();
        script.ShouldContain("/swagger/compute/openapi.json");
        script.ShouldContain("/swagger/gateway/openapi.json");
        (await cloud.GetAsync("/swagger/none/openapi.json", null)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task EveryOperation_SaysWhatItDoesTakesAndAnswers()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        var ids = new List<string>();
        foreach (var (document, path, method, operation) in await OperationsAsync(cloud))
        {
            var name = $"{method} {path}";
            operation.GetProperty("summary").GetString().ShouldNotBeNullOrEmpty(name);
            ids.Add($"{document} {operation.GetProperty("operationId").GetString()}");
            var answers = operation.GetProperty("responses").EnumerateObject().Select(answer => answer.Name).ToList();
            answers.ShouldContain("429", name);
            answers.ShouldContain(status => status.StartsWith('2'), name);
            if (path.StartsWith("/v1/", StringComparison.Ordinal))
            {
                answers.ShouldContain("400", name);
                answers.ShouldContain("401", name);
            }

            if (operation.TryGetProperty("requestBody", out var body)
                && body.GetProperty("content").TryGetProperty("application/json", out var json))
            {
                json.TryGetProperty("example", out _).ShouldBeTrue($"{name} has no example");
            }
        }

        ids.ShouldBeUnique();
        ids.Count.ShouldBeGreaterThan(8);
    }

    [Fact]
    public async Task Document_ShowsFormsWordsAndWhatEveryCallTakes()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        using var answer = await cloud.GetAsync("/swagger/compute/openapi.json", null);
        var document = await answer.JsonAsync();
        var schemas = document.GetProperty("components").GetProperty("schemas");
        schemas.GetProperty("NoteMood").GetProperty("enum").EnumerateArray()
            .Select(word => word.GetString()).ShouldBe(["calm", "very-loud"]);
        var request = schemas.GetProperty("CreateNoteRequest");
        request.GetProperty("required").EnumerateArray().Select(field => field.GetString()).ShouldBe(["name"]);
        request.GetProperty("properties").GetProperty("size").ToString().ShouldContain("2Gi");
        request.GetProperty("properties").GetProperty("labels").GetProperty("additionalProperties")
            .GetProperty("type").GetString().ShouldBe("string");
        schemas.GetProperty("NoteId").GetProperty("type").GetString().ShouldBe("string");
        schemas.TryGetProperty("PageOfNoteView", out _).ShouldBeTrue();
        var create = document.GetProperty("paths").GetProperty("/v1/instances").GetProperty("post");
        create.GetProperty("parameters").EnumerateArray().Select(parameter => parameter.GetProperty("name").GetString())
            .ShouldBe(["wait", "project", "Idempotency-Key"], ignoreOrder: true);
        create.GetProperty("responses").EnumerateObject().Select(response => response.Name)
            .ShouldBe(["201", "400", "401", "403", "409", "413", "415", "422", "429", "503"], ignoreOrder: true);
        document.GetProperty("components").GetProperty("securitySchemes").GetProperty("token")
            .GetProperty("scheme").GetString().ShouldBe("bearer");
    }

    [Fact]
    public async Task Upload_IsShownAsAFile()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        using var answer = await cloud.GetAsync("/swagger/compute/openapi.json", null);
        var upload = (await answer.JsonAsync()).GetProperty("paths").GetProperty("/v1/images/{id}/content").GetProperty("put");
        upload.GetProperty("requestBody").GetProperty("content").GetProperty("application/octet-stream")
            .GetProperty("schema").GetProperty("format").GetString().ShouldBe("binary");
        upload.GetProperty("responses").TryGetProperty("413", out _).ShouldBeFalse();
    }

    private static async Task<List<(string Document, string Path, string Method, JsonElement Operation)>> OperationsAsync(
        GatewayUnderTest cloud)
    {
        var operations = new List<(string, string, string, JsonElement)>();
        foreach (var name in new[] { "compute", "gateway" })
        {
            using var answer = await cloud.GetAsync($"/swagger/{name}/openapi.json", null);
            var document = await answer.JsonAsync();
            foreach (var path in document.GetProperty("paths").EnumerateObject())
            {
                operations.AddRange(path.Value.EnumerateObject().Select(operation => (name, path.Name, operation.Name, operation.Value)));
            }
        }

        return operations;
    }
}
