using System.Text;
using Cloud.ObjectStorage.S3;
using Cloud.ObjectStorage.S3.Signing;
using Microsoft.AspNetCore.Http;

namespace Cloud.ObjectStorage.Tests.S3;

/// <summary>
/// The examples of the Amazon S3 API reference, "Authenticating requests (AWS Signature Version 4)": in a header, in a query, in chunks,
/// with trailing headers, and in a form.
/// </summary>
public sealed class PublishedSignatureTests
{
    private const string KeyId = "AKIA" + "IOSFODNN7EXAMPLE";
    private const string Date = "20130524T000000Z";
    private const string Scope = "20130524/us-east-1/s3/aws4_request";
    private const string EmptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    private static readonly byte[] Key =
        SigningKey.Derive("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1", "s3");

    [Theory]
    [InlineData(
        "GET", "/test.txt", "", EmptyHash, "range=bytes=0-9", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")]
    [InlineData(
        "PUT", "/test%24file.text", "", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        "date=Fri, 24 May 2013 00:00:00 GMT|x-amz-storage-class=REDUCED_REDUNDANCY",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")]
    [InlineData("GET", "/", "lifecycle", EmptyHash, "", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")]
    [InlineData("GET", "/", "max-keys=2&prefix=J", EmptyHash, "", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")]
    public void InAHeader(string method, string path, string query, string payload, string more, string signature) =>
        Sign(method, path, query, payload, "examplebucket.s3.amazonaws.com", Headers(payload, more)).ShouldBe(signature);

    [Fact]
    public void InAQuery() =>
        Sign(
            "GET", "/test.txt",
            $"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={KeyId}%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
            + $"&X-Amz-Date={Date}&X-Amz-Expires=86400&X-Amz-SignedHeaders=host",
            VerifiedRequest.UnsignedPayload, "examplebucket.s3.amazonaws.com", new HeaderDictionary())
            .ShouldBe("aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");

    [Fact]
    public async Task InChunks()
    {
        var seed = Seed("content-encoding=aws-chunked|content-length=66824", VerifiedRequest.SignedChunks);
        seed.ShouldBe("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
        var body = Chunk(65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648")
            + Chunk(1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497");
        const string last = "0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n";
        (body + last).Length.ShouldBe(66824);
        (await ReadAsync(body + last, seed, VerifiedRequest.SignedChunks)).Length.ShouldBe(66560);

        // One byte that differs, and one chunk left out.
        await ShouldBeRefusedAsync(body.Replace("aaa\r\n", "aab\r\n", StringComparison.Ordinal) + last, seed, VerifiedRequest.SignedChunks);
        await ShouldBeRefusedAsync(body[..body.IndexOf("400;", StringComparison.Ordinal)] + last, seed, VerifiedRequest.SignedChunks);
    }

    [Fact]
    public async Task InChunks_WithATrailingHeader()
    {
        const string kind = VerifiedRequest.SignedChunksTrailer;
        var seed = Seed("content-encoding=aws-chunked|x-amz-trailer=x-amz-checksum-crc32c", kind);
        seed.ShouldBe("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
        var body = Chunk(65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2")
            + Chunk(1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7")
            + "0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
            + "x-amz-checksum-crc32c:sOO8/Q==\r\n"
            + "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n";
        (await ReadAsync(body, seed, kind)).Length.ShouldBe(66560);
        await ShouldBeRefusedAsync(body.Replace("sOO8", "tOO8", StringComparison.Ordinal), seed, kind);
    }

    /// <summary>"POST Policy Examples": the signature of a form is that of its policy's text.</summary>
    [Fact]
    public void InAForm()
    {
        const string policy = $$$"""
            { "expiration": "2015-12-30T12:00:00.000Z",
              "conditions": [
                {"bucket": "sigv4examplebucket"},
                ["starts-with", "$key", "user/user1/"],
                {"acl": "public-read"},
                {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},
                ["starts-with", "$Content-Type", "image/"],
                {"x-amz-meta-uuid": "14365123651274"},
                {"x-amz-server-side-encryption": "AES256"},
                ["starts-with", "$x-amz-meta-tag", ""],

                {"x-amz-credential": "{{{KeyId}}}/20151229/us-east-1/s3/aws4_request"},
                {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
                {"x-amz-date": "20151229T000000Z" }
              ]
            }
            """;
        var text = Convert.ToBase64String(Encoding.UTF8.GetBytes(policy.ReplaceLineEndings("\r\n")));
        SigningKey.Sign(SigningKey.Derive("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20151229", "us-east-1", "s3"), text)
            .ShouldBe("8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e");
    }

    private static string Seed(string more, string payload) => Sign(
        "PUT", "/examplebucket/chunkObject.txt", "", payload, "s3.amazonaws.com",
        Headers(payload, $"{more}|x-amz-decoded-content-length=66560|x-amz-storage-class=REDUCED_REDUNDANCY"));

    private static string Sign(string method, string path, string query, string payload, string host, HeaderDictionary headers)
    {
        string[] signed = [.. headers.Keys.Append("host").Order(StringComparer.Ordinal)];
        var canonical = CanonicalRequest.Of(method, path, S3Query.Parse(query), headers, host, signed, payload);
        return SigningKey.Sign(Key, SigningKey.StringToSign(Date, Scope, canonical));
    }

    private static HeaderDictionary Headers(string payload, string more)
    {
        var headers = new HeaderDictionary { ["x-amz-content-sha256"] = payload, ["x-amz-date"] = Date };
        foreach (var header in more.Split('|', StringSplitOptions.RemoveEmptyEntries))
        {
            var name = header[..header.IndexOf('=', StringComparison.Ordinal)];
            headers[name] = header[(name.Length + 1)..];
        }

        return headers;
    }

    private static string Chunk(int size, string signature) => $"{size:x};chunk-signature={signature}\r\n{new string('a', size)}\r\n";

    private static async Task ShouldBeRefusedAsync(string body, string seed, string kind) =>
        (await Should.ThrowAsync<S3Exception>(() => ReadAsync(body, seed, kind))).Error.Code.ShouldBe("SignatureDoesNotMatch");

    private static async Task<byte[]> ReadAsync(string body, string seed, string kind)
    {
        using var payload = new ChunkedPayload(
            new MemoryStream(Encoding.ASCII.GetBytes(body)), new VerifiedRequest(Principal.Anonymous, kind, Key, Scope, Date, seed));
        using var read = new MemoryStream();
        var buffer = new byte[10_000];
        while (await payload.ReadAsync(buffer, default) is > 0 and var count)
        {
            read.Write(buffer, 0, count);
        }

        return read.ToArray();
    }
}
