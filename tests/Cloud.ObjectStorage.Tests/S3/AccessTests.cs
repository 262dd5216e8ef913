using System.Net;
using Amazon.S3;
using Amazon.S3.Model;
using Cloud.ObjectStorage.S3.Signing;
using Cloud.ObjectStorage.Tests.Kit;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.ObjectStorage.Tests.S3;

public sealed class AccessOnSqliteTests(Storages storages) : AccessTests(storages.OnSqlite);

public sealed class AccessOnPostgresTests(Storages storages) : AccessTests(storages.OnPostgres);

/// <summary>Who may do what: keys and their limits, policies, lists, visibility.</summary>
public abstract class AccessTests(ObjectStorageUnderTest storage) : StorageTest(storage)
{
    [Fact]
    public async Task AnotherProject_AndNobody_AreRefused()
    {
        var bucket = await NewBucketAsync();
        await PutAsync(bucket, "key", "x");
        using var other = Storage.NewClient("prj-two");
        (await RefusalAsync(() => other.GetObjectAsync(bucket, "key"))).ShouldBe("AccessDenied");
        (await RefusalAsync(() => other.GetObjectAsync(bucket, "none"))).ShouldBe("AccessDenied");
        (await RefusalAsync(() => other.ListObjectsV2Async(new ListObjectsV2Request { BucketName = bucket }))).ShouldBe("AccessDenied");
        (await RefusalAsync(() => other.PutBucketAsync(bucket))).ShouldBe("BucketAlreadyExists");
        (await Storage.S3Http.GetAsync($"/{bucket}/key")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await Storage.S3Http.PutAsync($"/{bucket}/key", new StringContent("y"))).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task AKey_LimitedToReadingOrToBuckets_DoesNoMore()
    {
        var (mine, others) = (await NewBucketAsync(), await NewBucketAsync());
        await PutAsync(mine, "key", "x");
        using var reader = Storage.NewClient(readOnly: true);
        (await reader.GetObjectAsync(mine, "key")).HttpStatusCode.ShouldBe(HttpStatusCode.OK);
        (await RefusalAsync(() => reader.DeleteObjectAsync(mine, "key"))).ShouldBe("AccessDenied");
        (await RefusalAsync(() => reader.PutBucketAsync(NewName()))).ShouldBe("AccessDenied");
        using var limited = Storage.NewClient(buckets: mine);
        await limited.DeleteObjectAsync(mine, "key");
        (await RefusalAsync(() => limited.ListObjectsV2Async(new ListObjectsV2Request { BucketName = others }))).ShouldBe("AccessDenied");
        (await limited.ListBucketsAsync()).Buckets.Select(bucket => bucket.BucketName).ShouldBe([mine]);
    }

    [Fact]
    public async Task ARevokedKey_IsDeadAtOnce()
    {
        var bucket = await NewBucketAsync();
        var key = Storage.Keys.Add("prj-one");
        using var client = Storage.NewClient(key);
        await client.ListObjectsV2Async(new ListObjectsV2Request { BucketName = bucket });
        Storage.Keys.Remove(key.AccessKeyId);
        await using var db = await Storage.OpenDbAsync();
        await new AccessKeyRevokedHandler(Storage.Services.GetRequiredService<AccessKeys>())
            .HandleAsync(new(key.AccessKeyId, TimeProvider.System.GetUtcNow()), db, default);
        (await RefusalAsync(() => client.ListObjectsV2Async(new ListObjectsV2Request { BucketName = bucket }))).ShouldBe(
            "InvalidAccessKeyId");
    }

    [Fact]
    public async Task APolicy_OpensToAnybody_DeniesTheOwner_AndConditionsHold()
    {
        var bucket = await NewBucketAsync();
        await PutAsync(bucket, "open/key", "x");
        await PutAsync(bucket, "closed/key", "x");
        await S3.PutBucketPolicyAsync(bucket, $$$"""
            {"Version": "2012-10-17", "Statement": [
              {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::{{{bucket}}}/open/*"},
              {"Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::{{{bucket}}}",
               "Condition": {"StringEquals": {"s3:prefix": "open/"}} },
              {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": "arn:aws:s3:::{{{bucket}}}/*"}]}
            """);
        (await Storage.S3Http.GetAsync($"/{bucket}/open/key")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Storage.S3Http.GetAsync($"/{bucket}/closed/key")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await Storage.S3Http.GetAsync($"/{bucket}?prefix=open/")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Storage.S3Http.GetAsync($"/{bucket}?prefix=closed/")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await RefusalAsync(() => S3.DeleteObjectAsync(bucket, "open/key"))).ShouldBe("AccessDenied");
        (await S3.GetBucketPolicyStatusAsync(new GetBucketPolicyStatusRequest { BucketName = bucket })).PolicyStatus.IsPublic.ShouldBe(
            true);
        await S3.PutPublicAccessBlockAsync(new PutPublicAccessBlockRequest
        {
            BucketName = bucket,
            PublicAccessBlockConfiguration = new PublicAccessBlockConfiguration { RestrictPublicBuckets = true },
        });
        (await Storage.S3Http.GetAsync($"/{bucket}/open/key")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        await S3.DeleteBucketPolicyAsync(bucket);
        await S3.DeleteObjectAsync(bucket, "open/key");
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("""{"Statement": []}""")]
    [InlineData("""{"Statement": [{"Effect": "Perhaps", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::BUCKET"}]}""")]
    [InlineData("""{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ec2:*", "Resource": "arn:aws:s3:::BUCKET"}]}""")]
    [InlineData("""{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::other"}]}""")]
    [InlineData("""{"Statement": [{"Effect": "Allow", "Principal": 7, "Action": "s3:*", "Resource": "arn:aws:s3:::BUCKET"}]}""")]
    [InlineData("""{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": {"X": {"a": 1}}}}""")]
    public async Task APolicy_ThatIsNone_IsRefused(string policy)
    {
        var bucket = await NewBucketAsync();
        (await RefusalAsync(() => S3.PutBucketPolicyAsync(bucket, policy.Replace("BUCKET", bucket, StringComparison.Ordinal))))
            .ShouldBe("MalformedPolicy");
    }

    [Fact]
    public async Task CannedLists_OpenAnObjectAndABucket()
    {
        var bucket = await NewBucketAsync();
        await S3.PutObjectAsync(new PutObjectRequest
        {
            BucketName = bucket,
            Key = "open",
            ContentBody = "x",
            CannedACL = S3CannedACL.PublicRead,
        });
        await PutAsync(bucket, "closed", "x");
        (await Storage.S3Http.GetAsync($"/{bucket}/open")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Storage.S3Http.GetAsync($"/{bucket}/closed")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await Storage.S3Http.GetAsync($"/{bucket}")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        await S3.PutBucketAclAsync(new PutBucketAclRequest { BucketName = bucket, ACL = S3CannedACL.PublicRead });
        (await Storage.S3Http.GetAsync($"/{bucket}")).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Storage.S3Http.GetAsync($"/{bucket}/closed")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task AnObjectOfAnotherProject_IsItsWriters_UntilItsListOrTheBucketSaysOtherwise()
    {
        var bucket = await NewBucketAsync();
        Task OwnAsync(ObjectOwnership ownership) => S3.PutBucketOwnershipControlsAsync(new PutBucketOwnershipControlsRequest
        {
            BucketName = bucket,
            OwnershipControls = new OwnershipControls { Rules = [new OwnershipControlsRule { ObjectOwnership = ownership }] },
        });
        await OwnAsync(ObjectOwnership.ObjectWriter);
        await S3.PutBucketAclAsync(new PutBucketAclRequest { BucketName = bucket, ACL = S3CannedACL.PublicReadWrite });
        using var other = Storage.NewClient("prj-two");
        Task WriteAsync(string key, S3CannedACL? list) => other.PutObjectAsync(
            new PutObjectRequest { BucketName = bucket, Key = key, ContentBody = "111", CannedACL = list });
        await WriteAsync("closed", null);
        await WriteAsync("open", S3CannedACL.BucketOwnerRead);
        async Task<HttpStatusCode> DownloadAsync(string key) =>
            (await Storage.SendAsync(HttpMethod.Get, $"/v1/buckets/{bucket}/objects/{key}")).Status;

        (await RefusalAsync(() => S3.GetObjectAsync(bucket, "closed"))).ShouldBe("AccessDenied");
        (await RefusalAsync(() => S3.CopyObjectAsync(bucket, "closed", bucket, "copy"))).ShouldBe("AccessDenied");
        (await RefusalAsync(() => S3.GetObjectAclAsync(new GetObjectAclRequest { BucketName = bucket, Key = "closed" }))).ShouldBe(
            "AccessDenied");
        (await DownloadAsync("closed")).ShouldBe(HttpStatusCode.Forbidden);
        (await other.GetObjectAsync(bucket, "closed")).HttpStatusCode.ShouldBe(HttpStatusCode.OK);
        (await GetAsync(bucket, "open")).ShouldBe("111");
        (await DownloadAsync("open")).ShouldBe(HttpStatusCode.OK);

        // A list in headers is the whole list: it does not name the writer.
        await other.PutObjectAsync(new PutObjectRequest
        {
            BucketName = bucket,
            Key = "listed",
            ContentBody = "111",
            Grants = [new S3Grant { Grantee = new S3Grantee { CanonicalUser = "prj-one" }, Permission = S3Permission.FULL_CONTROL }],
        });
        var list = (await S3.GetObjectAclAsync(new GetObjectAclRequest { BucketName = bucket, Key = "listed" })).Grants;
        list.ShouldHaveSingleItem().Grantee.CanonicalUser.ShouldBe("prj-one");

        // With lists off all is the bucket's own project's; and what it cannot read it can remove.
        await S3.PutBucketAclAsync(new PutBucketAclRequest { BucketName = bucket, ACL = S3CannedACL.Private });
        await OwnAsync(ObjectOwnership.BucketOwnerEnforced);
        (await GetAsync(bucket, "closed")).ShouldBe("111");
        (await RefusalAsync(() => other.GetObjectAsync(bucket, "closed"))).ShouldBe("AccessDenied");
        await OwnAsync(ObjectOwnership.ObjectWriter);
        await S3.DeleteObjectAsync(bucket, "closed");
        (await RefusalAsync(() => other.GetObjectAsync(bucket, "closed"))).ShouldBe("AccessDenied");
    }

    [Fact]
    public async Task Cors_AnswersThePreflight_AndTheRequest()
    {
        var bucket = await NewBucketAsync();
        await S3.PutCORSConfigurationAsync(new PutCORSConfigurationRequest
        {
            BucketName = bucket,
            Configuration = new CORSConfiguration
            {
                Rules = [new CORSRule { AllowedOrigins = ["https://*.example"], AllowedMethods = ["GET"], AllowedHeaders = ["x-*"] }],
            },
        });
        async Task<HttpResponseMessage> PreflightAsync(string origin, string method, string header)
        {
            using var request = new HttpRequestMessage(HttpMethod.Options, $"/{bucket}/key");
            request.Headers.Add("Origin", origin);
            request.Headers.Add("Access-Control-Request-Method", method);
            request.Headers.Add("Access-Control-Request-Headers", header);
            return await Storage.S3Http.SendAsync(request);
        }

        using var allowed = await PreflightAsync("https://a.example", "GET", "x-one");
        allowed.StatusCode.ShouldBe(HttpStatusCode.OK);
        allowed.Headers.GetValues("Access-Control-Allow-Origin").ShouldBe(["https://a.example"]);
        (await PreflightAsync("https://a.other", "GET", "x-one")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await PreflightAsync("https://a.example", "PUT", "x-one")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await PreflightAsync("https://a.example", "GET", "y-one")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }
}
