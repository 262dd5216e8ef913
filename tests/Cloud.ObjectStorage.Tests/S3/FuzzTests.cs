using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Cloud.ObjectStorage.S3;
using Cloud.ObjectStorage.S3.Access;
using Cloud.ObjectStorage.Tests.Kit;

namespace Cloud.ObjectStorage.Tests.S3;

/// <summary>
/// Requests that are spoilt at random, against a bucket that lets anybody do anything, so that they come as far as they can: each has an
/// answer, and none is the server's fault. <c>CLOUD_TEST_SEED</c> replays a run, <c>CLOUD_TEST_ROUNDS</c> makes it longer.
/// </summary>
public sealed class FuzzTests(Storages storages) : StorageTest(storages.OnSqlite)
{
    private const int CallsPerRound = 400;
    private const int CallsAtOnce = 8;

    private static readonly TimeSpan AnswerLimit = TimeSpan.FromMinutes(1);

    private static readonly string[] Policies =
    [
        """
        {"Version": "2012-10-17", "Statement": [{"Sid": "a", "Effect": "Allow", "Principal": {"AWS": ["*", "arn:aws:iam::prj:root"]},
         "Action": ["s3:GetObject", "s3:Put*"], "Resource": ["arn:aws:s3:::b/*", "arn:aws:s3:::b"],
         "Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "::1/128"]}, "NumericLessThan": {"s3:max-keys": 10},
          "DateGreaterThan": {"aws:CurrentTime": "2024-01-01T00:00:00Z"}, "ForAllValues:StringLike": {"s3:RequestObjectTagKeys": ["a*"]},
          "Null": {"aws:Referer": true}, "BoolIfExists": {"aws:SecureTransport": false}}}]}
        """,
        """
        {"Statement": {"Effect": "Deny", "NotPrincipal": {"Service": "logging.s3.amazonaws.com"}, "NotAction": "s3:GetObject",
         "NotResource": "arn:aws:s3:::b/?*"}}
        """,
    ];

    private static readonly string[] Nasty =
    [
        "\0", "%00", "%", "%zz", "%ff", "\u00ff", "\r\n", "\n", "../", "..%2f", "//",
        "?", "&", "=", "#", "'", "\"", "<", ">", "&#0;", "]]>",
        "-1", "0", "18446744073709551616", "99999999999999999999", "1e9", "NaN", "0x7fffffff", "true", "null", "{", "}", "[", "]",
        "bytes=", "bytes=-", "*", "W/\"x\"", "\ud83d\ude00", "<!DOCTYPE a [<!ENTITY b \"c\">]>",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", " ", ",", ";", "::",
    ];

    private static readonly string[] Targets =
    [
        "/B?list-type=2&prefix=a&delimiter=/&max-keys=5&start-after=b&continuation-token=L2E&encoding-type=url&fetch-owner=true",
        "/B?marker=a&max-keys=3", "/B?versions&key-marker=a&version-id-marker=null", "/B?uploads&key-marker=a&upload-id-marker=b",
        "/B/key", "/B/key?versionId=null", "/B/key?partNumber=1", "/B/key?uploadId=x&partNumber=1", "/B/key?uploads", "/B/key?uploadId=x",
        "/B/key?tagging", "/B/key?acl", "/B/key?attributes", "/B/key?retention", "/B/key?legal-hold", "/B/a%20b/%C3%BC+",
        "/B?cors", "/B?lifecycle", "/B?tagging", "/B?versioning", "/B?website", "/B?logging", "/B?notification", "/B?encryption",
        "/B?object-lock", "/B?ownershipControls", "/B?publicAccessBlock", "/B?acl", "/B?delete", "/B?location", "/B?policyStatus",
        "/B/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20240101/us-east-1/s3/aws4_request&X-Amz-Date=20240101T000000Z"
        + "&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00",
    ];

    private static readonly (string Name, string Value)[] Headers =
    [
        ("Range", "bytes=0-9"), ("If-Match", "\"abc\""), ("If-None-Match", "*"), ("If-Modified-Since", "Mon, 01 Jan 2024 00:00:00 GMT"),
        ("If-Range", "\"abc\""), ("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="), ("x-amz-checksum-crc32", "AAAAAA=="),
        ("x-amz-sdk-checksum-algorithm", "CRC32"), ("x-amz-tagging", "a=b&c=d"), ("x-amz-copy-source", "/B/key?versionId=null"),
        ("x-amz-copy-source-range", "bytes=0-1"), ("x-amz-acl", "public-read"), ("x-amz-grant-read", "id=\"x\", uri=\"y\""),
        ("x-amz-object-lock-mode", "GOVERNANCE"), ("x-amz-object-lock-retain-until-date", "2030-01-01T00:00:00Z"),
        ("x-amz-server-side-encryption", "AES256"), ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
        ("x-amz-server-side-encryption-customer-key", "AAAA"), ("x-amz-metadata-directive", "REPLACE"), ("x-amz-meta-a", "b"),
        ("x-amz-storage-class", "STANDARD"), ("x-amz-website-redirect-location", "/x"), ("x-amz-date", "20240101T000000Z"),
        ("Authorization", "AWS4-HMAC-SHA256 Credential=a/20240101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"),
        ("x-amz-mp-object-size", "5"), ("x-amz-checksum-type", "COMPOSITE"), ("x-amz-object-attributes", "ETag,ObjectParts"),
        ("Origin", "http://a"), ("x-amz-expected-bucket-owner", "prj-one"), ("Content-Type", "text/plain"), ("Expect", "100-continue"),
        ("x-amz-bypass-governance-retention", "true"), ("x-amz-if-match-size", "1"), ("x-amz-max-parts", "1"),
    ];

    private static readonly string[] Documents =
    [
        "<Delete><Object><Key>a</Key><VersionId>null</VersionId></Object><Quiet>true</Quiet></Delete>",
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"a\"</ETag></Part></CompleteMultipartUpload>",
        "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
        "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><MaxAgeSeconds>1</MaxAgeSeconds>"
        + "</CORSRule></CORSConfiguration>",
        "<LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status><Filter><And><Prefix>a</Prefix><ObjectSizeLessThan>5"
        + "</ObjectSizeLessThan></And></Filter><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>",
        "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>",
        "<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument><RoutingRules><RoutingRule><Condition>"
        + "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals></Condition><Redirect><HostName>a</HostName></Redirect>"
        + "</RoutingRule></RoutingRules></WebsiteConfiguration>",
        "<NotificationConfiguration><TopicConfiguration><Id>a</Id><Topic>http://a.example/</Topic><Event>s3:ObjectCreated:*</Event><Filter>"
        + "<S3Key><FilterRule><Name>prefix</Name><Value>a</Value></FilterRule></S3Key></Filter></TopicConfiguration>"
        + "</NotificationConfiguration>",
        "<AccessControlPolicy><Owner><ID>prj-one</ID></Owner><AccessControlList><Grant><Grantee "
        + "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"><ID>prj-one</ID></Grantee>"
        + "<Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>",
        "<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>2030-01-01T00:00:00Z</RetainUntilDate></Retention>",
        "<BucketLoggingStatus><LoggingEnabled><TargetBucket>b</TargetBucket><TargetPrefix>p</TargetPrefix></LoggingEnabled>"
        + "</BucketLoggingStatus>",
        "plain bytes",
    ];

    private const string Chunks =
        "5;chunk-signature=00\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n";

    private const string Form =
        "--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nform/${filename}\r\n"
        + "--x\r\nContent-Disposition: form-data; name=\"tagging\"\r\n\r\n<Tagging><TagSet/></Tagging>\r\n"
        + "--x\r\nContent-Disposition: form-data; name=\"success_action_status\"\r\n\r\n201\r\n"
        + "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nbytes\r\n--x--\r\n";

    private const string SignedForm =
        "--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n"
        + "--x\r\nContent-Disposition: form-data; name=\"policy\"\r\n\r\n"
        + "eyJleHBpcmF0aW9uIjoiMjAzMC0wMS0wMVQwMDowMDowMFoiLCJjb25kaXRpb25zIjpbXX0=\r\n"
        + "--x\r\nContent-Disposition: form-data; name=\"x-amz-algorithm\"\r\n\r\nAWS4-HMAC-SHA256\r\n"
        + "--x\r\nContent-Disposition: form-data; name=\"x-amz-credential\"\r\n\r\na/20240101/us-east-1/s3/aws4_request\r\n"
        + "--x\r\nContent-Disposition: form-data; name=\"x-amz-date\"\r\n\r\n20240101T000000Z\r\n"
        + "--x\r\nContent-Disposition: form-data; name=\"x-amz-signature\"\r\n\r\n00\r\n"
        + "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nbytes\r\n--x--\r\n";

    private static int Rounds => int.Parse(Environment.GetEnvironmentVariable("CLOUD_TEST_ROUNDS") ?? "1", CultureInfo.InvariantCulture);

    [Fact]
    public async Task Requests_SpoiltAtRandom_AreAllAnswered_AndNeverBy500()
    {
        var random = NewRandom();
        var bucket = await NewBucketAsync();
        await PutAsync(bucket, "key", "0123456789");
        await S3.PutBucketPolicyAsync(bucket, $$"""
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*",
             "Resource": ["arn:aws:s3:::{{bucket}}", "arn:aws:s3:::{{bucket}}/*"]}]}
            """);
        var calls = Enumerable.Range(0, CallsPerRound * Rounds).Select(_ => Call(random, bucket)).ToList();
        await Parallel.ForEachAsync(calls, new ParallelOptions { MaxDegreeOfParallelism = CallsAtOnce }, async (call, _) =>
        {
            var answer = await SendAsync(call);

            // Where the request's own line or headers are broken the connection may just end.
            if (answer.Length > 0)
            {
                answer.ShouldStartWith("HTTP/1.1 ", customMessage: Encoding.Latin1.GetString(call));
                answer.Substring(9, 3).ShouldNotBe("500", Encoding.Latin1.GetString(call));
            }
        });
        (await GetAsync(await FilledBucketAsync(), "key")).ShouldBe("text");
    }

    [Fact]
    public void Policies_SpoiltAtRandom_AreRefusedOrRead_AndDecide()
    {
        var random = NewRandom();
        for (var at = 0; at < 5000 * Rounds; at++)
        {
            var json = Spoil(random, random.GetItems(Policies, 1)[0], 1 + random.Next(4));
            try
            {
                BucketPolicy.Parse(json, "b").Decide(new PolicyQuestion(
                    Principal.Anonymous, "s3:GetObject", "arn:aws:s3:::b/" + json[..random.Next(20)], IPAddress.Loopback,
                    TimeProvider.System.GetUtcNow(), key => random.Next(3) == 0 ? null : [key, random.GetItems(Nasty, 1)[0]]));
            }
            catch (S3Exception refused)
            {
                refused.Error.Status.ShouldBe(400);
            }
        }
    }

    [Fact]
    public void QueriesAndDocuments_SpoiltAtRandom_AreRefusedOrRead()
    {
        var random = NewRandom();
        for (var at = 0; at < 5000 * Rounds; at++)
        {
            try
            {
                var target = Spoil(random, random.GetItems(Targets, 1)[0], 1 + random.Next(4));
                S3Query.Parse(target[(target.IndexOf('?', StringComparison.Ordinal) + 1)..]);
                S3Uri.Decode(target, plusIsSpace: false);
                var document = Encoding.UTF8.GetBytes(Spoil(random, random.GetItems(Documents, 1)[0], 1 + random.Next(4)));
                S3Body.ParseXml(document, "Delete");
            }
            catch (S3Exception refused)
            {
                refused.Error.Status.ShouldBe(400);
            }
        }
    }

    private static Random NewRandom()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("CLOUD_TEST_SEED"), CultureInfo.InvariantCulture, out var given)
            ? given
            : Environment.TickCount;
        TestContext.Current.SendDiagnosticMessage($"CLOUD_TEST_SEED={seed}");
        TestContext.Current.TestOutputHelper?.WriteLine($"CLOUD_TEST_SEED={seed}");
        return new Random(seed);
    }

    private static byte[] Call(Random random, string bucket)
    {
        var method = random.GetItems(["GET", "GET", "HEAD", "PUT", "PUT", "PUT", "POST", "DELETE", "OPTIONS"], 1)[0];
        var target = random.GetItems(Targets, 1)[0].Replace("/B", "/" + bucket, StringComparison.Ordinal);
        var headers = random.GetItems(Headers, random.Next(4)).ToList();
        var body = method is "PUT" or "POST" ? random.GetItems(Documents, 1)[0] : "";
        switch (random.Next(6))
        {
            case 0:
                (method, target, body) = ("PUT", $"/{bucket}/chunked", Chunks);
                headers.AddRange([("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), ("x-amz-decoded-content-length", "5"),
                    ("x-amz-trailer", "x-amz-checksum-crc32")]);
                break;
            case 1:
                (method, target, body) = ("POST", "/" + bucket, random.Next(2) == 0 ? Form : SignedForm);
                headers.Add(("Content-Type", "multipart/form-data; boundary=x"));
                break;
        }

        // Where one part is whole, the one behind it is reached.
        var what = random.Next(4);
        target = what == 0 ? Spoil(random, target, 1 + random.Next(3)).Replace(' ', '+') : target;
        body = what is 1 or 2 ? Spoil(random, body, 1 + random.Next(4)) : body;
        var lines = headers.Select(header => what == 3
            ? $"{header.Name}: {Spoil(random, header.Value, 1).Replace('\r', ' ').Replace('\n', ' ')}"
            : $"{header.Name}: {header.Value}");
        var bytes = Encoding.UTF8.GetBytes(body);
        var text = $"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            + string.Concat(lines.Select(line => line.Replace("/B/", $"/{bucket}/", StringComparison.Ordinal) + "\r\n"))
            + (bytes.Length > 0 || method is "PUT" or "POST" ? $"Content-Length: {bytes.Length}\r\n" : "") + "\r\n";
        return [.. Encoding.UTF8.GetBytes(text), .. bytes];
    }

    private static string Spoil(Random random, string text, int times)
    {
        var spoilt = new StringBuilder(text);
        for (var time = 0; time < times; time++)
        {
            var at = random.Next(spoilt.Length + 1);
            var count = Math.Min(random.Next(8), spoilt.Length - at);
            switch (random.Next(5))
            {
                case 0:
                    spoilt.Remove(at, count);
                    break;
                case 1:
                    spoilt.Insert(at, spoilt.ToString(at, count));
                    break;
                case 2:
                    spoilt.Remove(at, count).Insert(at, (char)random.Next(256));
                    break;
                case 3:
                    spoilt.Length = at;
                    break;
                default:
                    spoilt.Insert(at, random.GetItems(Nasty, 1)[0]);
                    break;
            }
        }

        return spoilt.ToString();
    }

    private async Task<string> FilledBucketAsync()
    {
        var bucket = await NewBucketAsync();
        await PutAsync(bucket, "key", "text");
        return bucket;
    }

    private async Task<string> SendAsync(byte[] call)
    {
        using var limit = new CancellationTokenSource(AnswerLimit);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Storage.S3Url.Port, limit.Token);
        await using var stream = client.GetStream();
        var answer = new MemoryStream();
        try
        {
            await stream.WriteAsync(call, limit.Token);
            client.Client.Shutdown(SocketShutdown.Send);
            await stream.CopyToAsync(answer, limit.Token);
        }
        catch (IOException)
        {
            // The server had answered, and would not read the rest.
        }

        return Encoding.Latin1.GetString(answer.ToArray());
    }
}
