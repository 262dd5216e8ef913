using System.Net;
using Cloud.ObjectStorage.Contracts;
using Cloud.ObjectStorage.Tests.Kit;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.ObjectStorage.Tests.Buckets;

public sealed class RestoredBucketOnSqliteTests(Storages storages) : RestoredBucketTests(storages.OnSqlite);

public sealed class RestoredBucketOnPostgresTests(Storages storages) : RestoredBucketTests(storages.OnPostgres);

/// <summary>A bucket that is made of what another held.</summary>
public abstract class RestoredBucketTests(ObjectStorageUnderTest storage) : StorageTest(storage)
{
    [Fact]
    public async Task BucketWithoutVersions_HasNone_SoThatADeletedObjectIsGone()
    {
        var (name, restored) = (NewName(), NewName());
        var (_, made) = await Storage.SendAsync(HttpMethod.Post, "/v1/buckets", new { name });
        await Storage.SendAsync(HttpMethod.Put, $"/v1/buckets/{name}/objects/a", new StringContent("all that there is"));
        var buckets = Storage.Services.GetRequiredService<IBuckets>();
        var like = (await buckets.FindAsync("prj-one", made.GetProperty("id").GetString()!, default))!;
        var version = (await buckets.ListVersionsAsync(like.Id, null, default)).Versions.ShouldHaveSingleItem();
        var again = await buckets.CreateAsync("prj-one", like.ProjectName, restored, "job", default);
        await using (var content = (await buckets.ReadAsync(like.Id, "a", version.VersionId, default))!)
        {
            await buckets.WriteAsync(again.Id, version, content, default);
        }

        await buckets.FinishAsync(again.Id, like, default);
        (await Storage.SendAsync(HttpMethod.Delete, $"/v1/buckets/{restored}/objects/a")).Status.ShouldBe(HttpStatusCode.NoContent);
        (await buckets.ListVersionsAsync(again.Id, null, default)).Versions.ShouldBeEmpty();
        (await Storage.SendAsync(HttpMethod.Delete, $"/v1/buckets/{restored}")).Status.ShouldBe(HttpStatusCode.NoContent);
    }
}
