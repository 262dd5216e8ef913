using System.Net;
using System.Net.Http.Headers;
using Amazon.S3;
using Amazon.S3.Model;
using Cloud.ObjectStorage.Tests.Kit;

namespace Cloud.ObjectStorage.Tests.S3;

/// <summary>Signatures and checksums against what others publish, and every way to sign a request.</summary>
public sealed class SigningTests(Storages storages) : StorageTest(storages.OnSqlite)
{
    /// <summary>The check values of the catalogue of parametrised CRC algorithms, of "123456789".</summary>
    [Theory]
    [InlineData("CRC32", "CBF43926")]
    [InlineData("CRC32C", "E3069283")]
    [InlineData("CRC64NVME", "AE8B14860A799888")]
    public void Crc_OfTheCheckText_IsTheCheckValue_AndCombines(string name, string value)
    {
        var algorithm = Cloud.ObjectStorage.S3.Checksums.ChecksumAlgorithm.Parse(name);
        var whole = ValueOf(algorithm, "123456789"u8);
        Convert.ToHexString(Convert.FromBase64String(whole)).ShouldBe(value);
        algorithm.Combine([(ValueOf(algorithm, "1234"u8), 4), (ValueOf(algorithm, "56789"u8), 5), (ValueOf(algorithm, ""u8), 0)])
            .ShouldBe(whole);
    }

    [Fact]
    public async Task PresignedUrl_OfTheSdk_OpensOneObject_UntilItExpires()
    {
        var bucket = await NewBucketAsync();
        await PutAsync(bucket, "ü key", "text");
        string Url(HttpVerb verb, string key, TimeSpan life) => S3.GetPreSignedURL(new GetPreSignedUrlRequest
        {
            BucketName = bucket,
            Key = key,
            Verb = verb,
            Expires = TimeProvider.System.GetUtcNow().UtcDateTime + life,
            Protocol = Protocol.HTTP,
        });
        var url = Url(HttpVerb.GET, "ü key", TimeSpan.FromMinutes(5));
        (await Storage.S3Http.GetStringAsync(url)).ShouldBe("text");
        using var changed = await Storage.S3Http.GetAsync(url.Replace("key", "other", StringComparison.Ordinal));
        changed.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await Storage.S3Http.PutAsync(Url(HttpVerb.PUT, "new", TimeSpan.FromMinutes(5)), new StringContent("put"))).StatusCode
            .ShouldBe(HttpStatusCode.OK);
        (await GetAsync(bucket, "new")).ShouldBe("put");
        var key = Storage.Keys.Add("prj-one");
        async Task<HttpStatusCode> AtAsync(TimeSpan age) => (await Storage.S3Http.GetAsync(
            Signer.Url(key, Storage.S3Url, "GET", $"/{bucket}/new", "", TimeProvider.System.GetUtcNow() - age))).StatusCode;
        (await AtAsync(TimeSpan.FromSeconds(30))).ShouldBe(HttpStatusCode.OK);
        (await AtAsync(TimeSpan.FromSeconds(70))).ShouldBe(HttpStatusCode.Forbidden);
        (await AtAsync(TimeSpan.FromHours(-1))).ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task VirtualHostStyle_AndAnyOfOurNames_AreTaken_AndARefusalSaysWhichHost()
    {
        var bucket = await NewBucketAsync();
        await PutAsync(bucket, "key", "text");
        var url = S3.GetPreSignedURL(new GetPreSignedUrlRequest
        {
            BucketName = bucket,
            Key = "key",
            Expires = TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(5),
            Protocol = Protocol.HTTP,
        });

        // Signed for 127.0.0.1, asked at another of our names: what a forwarded port does.
        using (var forwarded = new HttpRequestMessage(HttpMethod.Get, url))
        {
            forwarded.Headers.Host = "localhost:1234";
            (await Storage.S3Http.SendAsync(forwarded)).StatusCode.ShouldBe(HttpStatusCode.OK);
        }

        using var foreign = new HttpRequestMessage(HttpMethod.Get, url.Replace("Signature=", "Signature=0", StringComparison.Ordinal));
        foreign.Headers.Host = "elsewhere.example";
        using var refused = await Storage.S3Http.SendAsync(foreign);
        refused.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        var said = await refused.Content.ReadAsStringAsync();
        said.ShouldContain("<Code>SignatureDoesNotMatch</Code>");
        said.ShouldContain("<HostAsked>elsewhere.example</HostAsked>");

        // Right but for the host: the refusal says which.
        using var gateway = new HttpRequestMessage(
            HttpMethod.Get,
            Signer.Url(
                Storage.Keys.Add("prj-one"), new Uri("http://elsewhere.example:8080"), "GET", $"/{bucket}/key", "",
                TimeProvider.System.GetUtcNow()));
        gateway.Headers.Host = "elsewhere.example";
        using var told = await Storage.S3Http.SendAsync(gateway);
        told.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await told.Content.ReadAsStringAsync()).ShouldContain("signed for the host 'elsewhere.example:8080'");

        // NAME/BUCKET/KEY and OTHER.NAME/BUCKET/KEY are two objects: a URL of the one does not open the other.
        var other = await NewBucketAsync();
        await PutAsync(other, $"{bucket}/key", "another");
        using var confused = new HttpRequestMessage(
            HttpMethod.Get,
            Signer.Url(
                Storage.Keys.Add("prj-one"), new Uri("http://localhost"), "GET", $"/{bucket}/key", "", TimeProvider.System.GetUtcNow()));
        confused.Headers.Host = $"{other}.localhost";
        (await Storage.S3Http.SendAsync(confused)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);

        using var virtualHost = new HttpRequestMessage(HttpMethod.Get, "/key");
        virtualHost.Headers.Host = $"{bucket}.localhost:9000";
        using var answer = await Storage.S3Http.SendAsync(virtualHost);
        (await answer.Content.ReadAsStringAsync()).ShouldContain("AccessDenied");
    }

    [Theory]
    [InlineData("AWS AKIA:abc", "InvalidArgument")]
    [InlineData("AWS4-HMAC-SHA256 nonsense", "AuthorizationHeaderMalformed")]
    [InlineData("AWS4-HMAC-SHA256 Credential=a/b/c/s3/aws4_request, SignedHeaders=host, Signature=0", "AuthorizationHeaderMalformed")]
    [InlineData("AWS4-ECDSA-P256-SHA256 Credential=x", "NotImplemented")]
    [InlineData("Bearer token", "InvalidArgument")]
    public async Task Authorization_OfAnotherKind_IsRefusedClearly(string header, string code)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.TryAddWithoutValidation("Authorization", header);
        using var answer = await Storage.S3Http.SendAsync(request);
        (await answer.Content.ReadAsStringAsync()).ShouldContain($"<Code>{code}</Code>");
        ((int)answer.StatusCode).ShouldBeInRange(400, 501);
    }

    [Fact]
    public async Task Form_SignedByVersion2_IsRefusedClearly()
    {
        using var form = new MultipartFormDataContent
        {
            { new StringContent("key"), "key" },
            { new StringContent("AKIA"), "AWSAccessKeyId" },
            { new StringContent("e30="), "policy" },
            { new StringContent("AAAA"), "signature" },
            { new StringContent("bytes"), "file" },
        };
        using var answer = await Storage.S3Http.PostAsync($"/{await NewBucketAsync()}", form);
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await answer.Content.ReadAsStringAsync()).ShouldContain("only Signature Version 4");
    }

    [Theory]
    [InlineData("GET", "/%")]
    [InlineData("GET", "/b%zz/k")]
    [InlineData("GET", "/bucket/%00")]
    [InlineData("GET", "/bucket/%ff")]
    [InlineData("GET", "/bucket?max-keys=-1")]
    [InlineData("GET", "/bucket?max-keys=99999999999999999999")]
    [InlineData("GET", "/bucket?list-type=2&continuation-token=!!")]
    [InlineData("GET", "/bucket/key?versionId=../../x")]
    [InlineData("POST", "/bucket?delete")]
    [InlineData("PUT", "/bucket?cors")]
    [InlineData("PATCH", "/bucket/key")]
    [InlineData("OPTIONS", "/bucket/key")]
    public async Task ARequest_ThatIsNone_Is4xx(string method, string target)
    {
        using var client = new System.Net.Sockets.TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Storage.S3Url.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(
            $"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"));
        using var reader = new StreamReader(stream);
        (await reader.ReadToEndAsync()).ShouldStartWith("HTTP/1.1 4");
    }

    [Theory]
    [InlineData("""<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Tagging><TagSet><Tag><Key>&b;</Key></Tag></TagSet></Tagging>""")]
    [InlineData("""<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Tagging><TagSet>&a;</TagSet></Tagging>""")]
    [InlineData("<Tagging>")]
    [InlineData("<Other/>")]
    [InlineData("")]
    public async Task Xml_WithEntitiesOrOfAnotherKind_IsRefused(string xml)
    {
        var bucket = await NewBucketAsync();
        var url = Signer.Url(
            Storage.Keys.Add("prj-one"), Storage.S3Url, "PUT", $"/{bucket}", "tagging", TimeProvider.System.GetUtcNow());
        using var content = new StringContent(xml);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/xml");
        using var answer = await Storage.S3Http.PutAsync(url, content);
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await answer.Content.ReadAsStringAsync()).ShouldContain("<Code>MalformedXML</Code>");
    }

    private static string ValueOf(Cloud.ObjectStorage.S3.Checksums.ChecksumAlgorithm algorithm, ReadOnlySpan<byte> text)
    {
        using var checksum = algorithm.Start();
        checksum.Append(text);
        return checksum.Value();
    }
}
