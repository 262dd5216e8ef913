using System.Net;
using System.Text;
using Cloud.ObjectStorage.Persistence;
using Cloud.ObjectStorage.Tests.Kit;
using Cloud.ServiceDefaults.Auth;
using Cloud.Testing.Databases;

namespace Cloud.ObjectStorage.Tests.Buckets;

public sealed class BucketApiOnSqliteTests(Storages storages) : BucketApiTests(storages.OnSqlite);

public sealed class BucketApiOnPostgresTests(Storages storages) : BucketApiTests(storages.OnPostgres);

/// <summary>Buckets and objects by the REST API.</summary>
public abstract class BucketApiTests(ObjectStorageUnderTest storage) : StorageTest(storage)
{
    [Fact]
    public async Task Bucket_IsMadeShownListedChangedAndDeleted()
    {
        var name = NewName();
        var (status, made) = await Storage.SendAsync(
            HttpMethod.Post, "/v1/buckets", new { name, versioning = true, labels = new { env = name } });
        status.ShouldBe(HttpStatusCode.Created, made.ToString());
        made.GetProperty("visibility").GetString().ShouldBe("private");
        made.GetProperty("versioning").GetString().ShouldBe("enabled");
        (await Storage.SendAsync(HttpMethod.Post, "/v1/buckets", new { name })).Body.GetProperty("code").GetString().ShouldBe("name-taken");
        (await Storage.SendAsync(HttpMethod.Get, $"/v1/buckets?label=env={name}")).Body.GetProperty("items").GetArrayLength().ShouldBe(1);
        (await Storage.SendAsync(HttpMethod.Get, $"/v1/buckets/{name}", project: "prj-two")).Status.ShouldBe(HttpStatusCode.NotFound);
        var (patched, changed) = await Storage.SendAsync(HttpMethod.Patch, $"/v1/buckets/{name}", new { versioning = false });
        patched.ShouldBe(HttpStatusCode.OK, changed.ToString());
        changed.GetProperty("versioning").GetString().ShouldBe("suspended");
        (await Storage.SendAsync(HttpMethod.Delete, $"/v1/buckets/{name}")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await Storage.SendAsync(HttpMethod.Delete, $"/v1/buckets/{name}")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await Storage.SendAsync(HttpMethod.Get, $"/v1/buckets/{name}")).Status.ShouldBe(HttpStatusCode.NotFound);
        (await Storage.SendAsync(HttpMethod.Delete, "/v1/buckets/never-there")).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    [Theory]
    [InlineData("ab")]
    [InlineData("Upper")]
    [InlineData("192.168.0.1")]
    [InlineData("a..b")]
    [InlineData("-a-")]
    public async Task Bucket_OfABadName_IsRefused(string name)
    {
        var (status, body) = await Storage.SendAsync(HttpMethod.Post, "/v1/buckets", new { name });
        status.ShouldBe(HttpStatusCode.BadRequest);
        body.GetProperty("errors").TryGetProperty("name", out _).ShouldBeTrue();
        (await RefusalAsync(() => S3.PutBucketAsync(name))).ShouldBe("InvalidBucketName");
    }

    [Fact]
    public async Task PublicBucket_ServesAnybody_UntilItIsPrivate()
    {
        var name = NewName();
        await Storage.SendAsync(HttpMethod.Post, "/v1/buckets", new { name, visibility = "public" });
        await Storage.SendAsync(HttpMethod.Put, $"/v1/buckets/{name}/objects/a/b.txt", new StringContent("for all"));
        (await Storage.S3Http.GetStringAsync($"/{name}/a/b.txt")).ShouldBe("for all");
        (await Storage.S3Http.GetAsync($"/{name}/none")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await Storage.S3Http.GetAsync($"/{name}")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await Storage.S3Http.DeleteAsync($"/{name}/a/b.txt")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        await Storage.SendAsync(HttpMethod.Patch, $"/v1/buckets/{name}", new { visibility = "private" });
        (await Storage.S3Http.GetAsync($"/{name}/a/b.txt")).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task Object_IsPutListedReadAndRemoved_AndUsageFollows()
    {
        var name = await NewBucketAsync();
        const string Key = "docs/%C3%BC%20%2B%2F1";
        var (status, made) = await Storage.SendAsync(HttpMethod.Put, $"/v1/buckets/{name}/objects/{Key}", new StringContent("12345",
            Encoding.UTF8));
        status.ShouldBe(HttpStatusCode.OK, made.ToString());
        made.GetProperty("key").GetString().ShouldBe("docs/ü +/1");
        (await GetAsync(name, "docs/ü +/1")).ShouldBe("12345");
        (await Storage.SendAsync(HttpMethod.Get, $"/v1/buckets/{name}")).Body.GetProperty("sizeBytes").GetInt64().ShouldBe(5);
        await PutAsync(name, "docs/2", "x");
        var (_, page) = await Storage.SendAsync(HttpMethod.Get, $"/v1/buckets/{name}/objects?limit=1&prefix=docs/");
        page.GetProperty("items").GetArrayLength().ShouldBe(1);
        var (_, rest) = await Storage.SendAsync(
            HttpMethod.Get, $"/v1/buckets/{name}/objects?limit=1&prefix=docs/&cursor={page.GetProperty("nextCursor").GetString()}");
        rest.GetProperty("items")[0].GetProperty("key").GetString().ShouldBe("docs/ü +/1");
        (await Storage.SendAsync(HttpMethod.Delete, $"/v1/buckets/{name}")).Body.GetProperty("code").GetString().ShouldBe(
            "bucket-not-empty");
        (await Storage.SendAsync(HttpMethod.Delete, $"/v1/buckets/{name}/objects/{Key}")).Status.ShouldBe(HttpStatusCode.NoContent);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/buckets/{name}/objects/{Key}");
        request.Headers.Add(HeaderCallers.ProjectHeader, "prj-one");
        (await Storage.Http.SendAsync(request)).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Presign_GivesAUrlThatNeedsNoToken()
    {
        var name = await NewBucketAsync();
        async Task<string> UrlAsync(string method)
        {
            var (status, body) = await Storage.SendAsync(HttpMethod.Post, $"/v1/buckets/{name}/presign", new
            {
                key = "a b/ü",
                method,
                expiresIn = 60
            });
            status.ShouldBe(HttpStatusCode.OK, body.ToString());
            return body.GetProperty("url").GetString()!;
        }

        (await Storage.S3Http.PutAsync(await UrlAsync("PUT"), new StringContent("signed"))).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await Storage.S3Http.GetStringAsync(await UrlAsync("GET"))).ShouldBe("signed");
        (await Storage.S3Http.DeleteAsync(await UrlAsync("GET"))).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        var (refused, why) = await Storage.SendAsync(HttpMethod.Post, $"/v1/buckets/{name}/presign", new { key = "", expiresIn = 60 });
        refused.ShouldBe(HttpStatusCode.BadRequest);
        why.GetProperty("errors").TryGetProperty("key", out _).ShouldBeTrue();
    }

    [Fact]
    public async Task Viewer_Reads_AndChangesNothing()
    {
        var name = await NewBucketAsync();
        (await Storage.SendAsync(HttpMethod.Get, $"/v1/buckets/{name}", role: Role.Viewer)).Status.ShouldBe(HttpStatusCode.OK);
        (await Storage.SendAsync(HttpMethod.Put, $"/v1/buckets/{name}/objects/x", new StringContent("x"), Role.Viewer))
            .Status.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public void Migrations_HaveAllOfTheModel() => MigrationChecks.ShouldHaveAllOfTheModel<ObjectStorageDbContext>();
}
