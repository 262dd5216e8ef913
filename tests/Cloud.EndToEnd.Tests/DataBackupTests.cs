using System.Net;
using Npgsql;

namespace Cloud.EndToEnd.Tests;

/// <summary>Backups of buckets and databases, all services in one process.</summary>
[Collection(OnLocalCloud.Name)]
public sealed class LocalDataBackupTests(LocalCloud cloud) : DataBackupTests(cloud);

/// <summary>Backups of buckets and databases, each service in a process of its own.</summary>
[Collection(OnDistributedCloud.Name)]
public sealed class DistributedDataBackupTests(DistributedCloud cloud) : DataBackupTests(cloud);

/// <summary>One plan over a bucket and a database.</summary>
public abstract class DataBackupTests(CloudUnderTest cloud)
{
    [Fact]
    public async Task BucketAndDatabase_AreRestoredFromOnePlan_AfterTheyAreGone()
    {
        var made = await cloud.PostAsync("/v1/databases?wait=120", new { name = "ledger" });
        var database = made.GetProperty("id").GetString()!;
        var text = TextOf(made.GetProperty("connectionString").GetString()!);
        await SqlAsync(text, "CREATE TABLE ledger AS SELECT n FROM generate_series(1, 5000) n; CREATE INDEX ON ledger (n)");
        var bucket = (await cloud.PostAsync("/v1/buckets", new { name = "backed-up-data", versioning = true }))
            .GetProperty("id").GetString()!;
        await PutAsync("first");
        await PutAsync("second");

        var plan = (await cloud.PostAsync(
            "/v1/backup-plans", new { name = "data", schedule = "0 3 * * *", resources = new[] { bucket, database } }))
            .GetProperty("id").GetString()!;
        var jobs = await cloud.PostAsync($"/v1/backup-plans/{plan}/run?wait=120", null, HttpStatusCode.OK);
        var points = jobs.GetProperty("items").EnumerateArray().ToDictionary(
            job => job.GetProperty("resource").GetString()!, job => job.GetProperty("recoveryPoint").GetString()!);
        await AllSucceedAsync(plan);
        foreach (var point in points.Values)
        {
            var verified = (await cloud.GetAsync($"/v1/recovery-points/{point}")).GetProperty("verified");
            verified.GetProperty("result").GetString().ShouldBe("restorable", verified.ToString());
        }

        await DeleteAsync($"/v1/databases/{database}?wait=120&finalBackup=false");
        var name = await RestoreAsync(points[bucket], "data-again", "/v1/buckets");
        (await cloud.Http.GetStringAsync($"/v1/buckets/{name}/objects/note")).ShouldBe("second");
        var again = await RestoreAsync(points[database], "ledger-again", "/v1/databases");
        var port = (await cloud.GetAsync($"/v1/databases/{again}")).GetProperty("port").GetInt32();
        var there = new NpgsqlConnectionStringBuilder(text) { Port = port }.ConnectionString;
        await SqlAsync(there, "DO $$ BEGIN ASSERT (SELECT count(*) FROM ledger) = 5000; END $$");
        await DeleteAsync($"/v1/databases/{again}?wait=120&finalBackup=false");
        await DeleteAsync($"/v1/backup-plans/{plan}");

        async Task PutAsync(string content)
        {
            using var put = await cloud.Http.PutAsync($"/v1/buckets/{bucket}/objects/note", new StringContent(content));
            put.StatusCode.ShouldBe(HttpStatusCode.OK);
        }
    }

    private async Task AllSucceedAsync(string plan)
    {
        foreach (var job in (await cloud.GetAsync($"/v1/backup-jobs?plan={plan}")).GetProperty("items").EnumerateArray())
        {
            var ended = await cloud.GetAsync($"/v1/backup-jobs/{job.GetProperty("id").GetString()}?wait=120");
            ended.GetProperty("status").GetString().ShouldBe("succeeded", ended.ToString());
        }
    }

    /// <summary>Makes a resource of a point; its id.</summary>
    private async Task<string> RestoreAsync(string point, string name, string list)
    {
        var job = await cloud.PostAsync($"/v1/recovery-points/{point}/restore?wait=120", new { name }, HttpStatusCode.OK);
        job.GetProperty("status").GetString().ShouldBe("succeeded", job.ToString());
        var id = job.GetProperty("restored").GetString()!;
        (await cloud.GetAsync($"{list}/{id}")).GetProperty("name").GetString().ShouldBe(name);
        return id;
    }

    private async Task DeleteAsync(string path) =>
        (await cloud.SendAsync(HttpMethod.Delete, path)).Status.ShouldBe(HttpStatusCode.NoContent);

    private static string TextOf(string url)
    {
        var uri = new Uri(url);
        var user = uri.UserInfo.Split(':');
        return $"Host={uri.Host};Port={uri.Port};Username={user[0]};Password={user[1]};Database={uri.AbsolutePath[1..]};SSL Mode=Require;"
            + "Pooling=false";
    }

    private static async Task SqlAsync(string text, string sql)
    {
        await using var connection = new NpgsqlConnection(text);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
