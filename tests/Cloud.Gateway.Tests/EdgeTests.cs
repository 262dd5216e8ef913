using System.Net;
using System.Security.Cryptography;
using System.Text;
using Cloud.Gateway.Tests.Sample;

namespace Cloud.Gateway.Tests;

/// <summary>What every call meets before it reaches a handler, and what becomes of one that fails.</summary>
public sealed class EdgeTests
{
    private const int BodyMax = 1536 * 1024;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RequestId_Given_IsKeptAndPassedOn(bool proxied)
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        using var answer = await cloud.GetAsync("/v1/hosts", FakeTokenExchange.Editor, ("X-Request-Id", "my-call-7"));
        answer.Header("X-Request-Id").ShouldBe("my-call-7");
        (await answer.JsonAsync()).GetProperty("requestId").GetString().ShouldBe("my-call-7");
    }

    [Fact]
    public async Task RequestId_NoneOrBad_IsTheTrace()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        foreach (var bad in new[] { "", "a b", new string('x', 200), "<script>" })
        {
            using var answer = await cloud.GetAsync("/v1/hosts", FakeTokenExchange.Editor, ("X-Request-Id", bad));
            var trace = (await answer.JsonAsync()).GetProperty("traceId").GetString();
            trace.ShouldNotBeNull().Length.ShouldBe(32);
            answer.Header("X-Request-Id").ShouldBe(trace);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Trace_OfCaller_ReachesServiceAndEvents(bool proxied)
    {
        const string Trace = "0af7651916cd43dd8448eb211c80319c";
        await using var cloud = await GatewayUnderTest.StartAsync(proxied, null, ("Cloud:Services:Identity", ""));
        using var answer = await cloud.GetAsync("/v1/hosts", FakeTokenExchange.Editor, ("traceparent", $"00-{Trace}-b7ad6b7169203331-01"));
        (await answer.JsonAsync()).GetProperty("traceId").GetString().ShouldBe(Trace);
        using var made = await cloud.PostAsync(
            "/v1/instances", new { name = "traced" }, FakeTokenExchange.Editor, ("traceparent", $"00-{Trace}-b7ad6b7169203331-01"));
        made.StatusCode.ShouldBe(HttpStatusCode.Created);
        if (!proxied)
        {
            await using var events = await EventStream.OpenAsync(cloud, FakeTokenExchange.Editor, lastEventId: "0");
            (await events.NextAsync()).Data.GetProperty("traceId").GetString().ShouldBe(Trace);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Body_LargerThanTaken_IsTooLarge(bool proxied)
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        using var fits = await cloud.PostAsync("/v1/instances", new { name = "fits", text = new string('x', 1_400_000) });
        fits.StatusCode.ShouldBe(HttpStatusCode.Created);
        using var declared = await cloud.PostAsync("/v1/instances", new { name = "large", text = new string('x', BodyMax) });
        await ShouldBeTooLargeAsync(declared);
        using var chunked = await cloud.PostAsync("/v1/instances", new Chunked(BodyMax + 1));
        await ShouldBeTooLargeAsync(chunked);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Upload_OfAnySize_IsStreamed(bool proxied)
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        var bytes = new byte[20 * 1024 * 1024];
        new Random(7).NextBytes(bytes);
        using var answer = await cloud.SendAsync(
            HttpMethod.Put, "/v1/images/img/content", FakeTokenExchange.Editor, new ByteArrayContent(bytes));
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        var got = await answer.JsonAsync();
        got.GetProperty("length").GetInt64().ShouldBe(bytes.Length);
        got.GetProperty("sha256").GetString().ShouldBe(Convert.ToHexStringLower(SHA256.HashData(bytes)));
    }

    [Theory]
    [InlineData("/v1/instances?name=a%00b", "name")]
    [InlineData("/v1/instances?limit=none", "limit")]
    [InlineData("/v1/instances?limit=99999999999999999999", "limit")]
    [InlineData("/v1/instances?cursor=!!", "cursor")]
    [InlineData("/v1/instances?label=x", "label")]
    [InlineData("/v1/instances?status=sad", "status")]
    public async Task Query_Wrong_NamesTheParameter(string path, string field)
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        using var answer = await cloud.GetAsync(path);
        await ShouldNameAsync(answer, field);
    }

    [Theory]
    [InlineData("""{"name": 7}""", "name", "Expected a string.")]
    [InlineData("""{"name": null}""", "name", "It must not be null.")]
    [InlineData("""{}""", "name", "This field is required.")]
    [InlineData("""{"name": "a", "count": "x"}""", "count", "Expected an integer.")]
    [InlineData("""{"name": "a", "count": 1.5}""", "count", "Expected an integer.")]
    [InlineData("""{"name": "a", "count": 99999999999}""", "count", "Expected an integer.")]
    [InlineData("""{"name": "a", "flag": "yes"}""", "flag", "Expected true or false.")]
    [InlineData("""{"name": "a", "mood": "sad"}""", "mood", "Expected one of calm, very-loud.")]
    [InlineData("""{"name": "a", "mood": 1}""", "mood", "Expected one of calm, very-loud.")]
    [InlineData("""{"name": "a", "size": "2 GB"}""", "size", "Expected an integer of bytes")]
    [InlineData("""{"name": "a", "at": "tomorrow"}""", "at", "Expected a time")]
    [InlineData("""{"name": "a", "parent": "i-1"}""", "parent", "starts with 'note-'")]
    [InlineData("""{"name": "a", "labels": {"k": 1}}""", "labels.k", "Expected a string.")]
    [InlineData("""{"name": "a", "labels": ["k"]}""", "labels", "Expected an object of strings.")]
    [InlineData("""{"name": "a", "ports": [{"guest": "x"}]}""", "ports[0].guest", "Expected an integer.")]
    [InlineData("""{"name": "a", "ports": [{}]}""", "ports[0].guest", "This field is required.")]
    [InlineData("""{"name": "a", "ports": [null]}""", "ports[0].guest", "Expected a port.")]
    [InlineData("""{"name": "a", "nmae": "b"}""", "nmae", "There is no such field.")]
    [InlineData("""{"name": "a", "name": "b"}""", "name", "more than once")]
    [InlineData("""{"name": "a", "text": "x\u0000y"}""", "text", "NUL")]
    [InlineData("""{"name": "a\ud800"}""", "name", "")]
    [InlineData("""{"name": "UPPER"}""", "name", "lower-case letters")]
    [InlineData("""{"name": "a" """, "body", "JSON")]
    [InlineData("""[]""", "body", "")]
    [InlineData("""null""", "body", "")]
    [InlineData("", "body", "")]
    public async Task Body_Wrong_NamesTheFieldAndWhatIsAllowed(string body, string field, string message)
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        using var answer = await cloud.PostAsync("/v1/instances", new StringContent(body, Encoding.UTF8, "application/json"));
        (await ShouldNameAsync(answer, field)).ShouldContain(message);
    }

    [Fact]
    public async Task Body_NotJson_IsUnsupported()
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        foreach (var type in new[] { "text/plain", "application/json; charset=utf-16", "application/json; charset=nope" })
        {
            var content = new ByteArrayContent("{\"name\": \"a\"}"u8.ToArray());
            content.Headers.TryAddWithoutValidation("Content-Type", type);
            using var answer = await cloud.PostAsync("/v1/instances", content);
            answer.StatusCode.ShouldBe(HttpStatusCode.UnsupportedMediaType, type);
            (await answer.JsonAsync()).GetProperty("code").GetString().ShouldBe("unsupported-media-type");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Failure_OfOurs_TellsNothingButItsTrace(bool proxied)
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        using var answer = await cloud.SendAsync(HttpMethod.Put, "/v1/instances/x/fail");
        answer.StatusCode.ShouldBe(HttpStatusCode.InternalServerError);
        var text = await answer.Content.ReadAsStringAsync();
        text.ShouldNotContain("bug");
        text.ShouldContain("internal-error");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task NoRoomOnTheDisk_IsNoFailureOfOurs(bool proxied)
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        using var answer = await cloud.SendAsync(HttpMethod.Put, "/v1/instances/full-disk/fail");
        answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await answer.JsonAsync()).GetProperty("code").GetString().ShouldBe("disk-full");
    }

    [Theory]
    [InlineData("GET", "/v1/nothing", HttpStatusCode.NotFound, "not-found")]
    [InlineData("PUT", "/v1/instances", HttpStatusCode.MethodNotAllowed, "method-not-allowed")]
    [InlineData("GET", "/v1/instances/none", HttpStatusCode.NotFound, "not-found")]
    public async Task Error_OfTheFramework_IsAProblemToo(string method, string path, HttpStatusCode status, string code)
    {
        await using var cloud = await GatewayUnderTest.StartAsync();
        using var answer = await cloud.SendAsync(new HttpMethod(method), path);
        answer.StatusCode.ShouldBe(status);
        var problem = await answer.JsonAsync();
        problem.GetProperty("code").GetString().ShouldBe(code);
        problem.GetProperty("status").GetInt32().ShouldBe((int)status);
        problem.GetProperty("type").GetString().ShouldBe($"urn:cloud:error:{code}");
    }

    private static async Task<string> ShouldNameAsync(HttpResponseMessage answer, string field)
    {
        var text = await answer.Content.ReadAsStringAsync();
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest, text);
        var problem = await answer.JsonAsync();
        problem.GetProperty("code").GetString().ShouldBe("invalid-request");
        problem.GetProperty("errors").TryGetProperty(field, out var messages).ShouldBeTrue(text);
        return messages[0].GetString()!;
    }

    private static async Task ShouldBeTooLargeAsync(HttpResponseMessage answer)
    {
        answer.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        (await answer.JsonAsync()).GetProperty("code").GetString().ShouldBe("too-large");
    }

    /// <summary>A body whose length is not told.</summary>
    private sealed class Chunked : HttpContent
    {
        private readonly int _length;

        public Chunked(int length)
        {
            _length = length;
            Headers.ContentType = new("application/json");
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync("{\"name\": \""u8.ToArray());
            var piece = Encoding.ASCII.GetBytes(new string('x', 64 * 1024));
            for (var sent = 0; sent < _length; sent += piece.Length)
            {
                await stream.WriteAsync(piece);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
