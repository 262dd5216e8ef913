using System.Globalization;
using System.Net;
using Npgsql;

namespace Cloud.EndToEnd.Tests;

/// <summary>Databases, all services in one process.</summary>
[Collection(OnLocalCloud.Name)]
public sealed class LocalDatabaseTests(LocalCloud cloud) : DatabaseTests(cloud);

/// <summary>Databases, each service in a process of its own.</summary>
[Collection(OnDistributedCloud.Name)]
public sealed class DistributedDatabaseTests(DistributedCloud cloud) : DatabaseTests(cloud);

/// <summary>A real server, archived in the real object storage.</summary>
public abstract class DatabaseTests(CloudUnderTest cloud)
{
    [Fact]
    public async Task Database_GoesBackToBeforeATableWasDropped_AlsoAfterTheServiceWasKilled()
    {
        var made = await cloud.PostAsync("/v1/databases?wait=120", new { name = "orders" });
        made.GetProperty("status").GetString().ShouldBe("available", made.ToString());
        var id = made.GetProperty("id").GetString()!;
        var text = TextOf(made.GetProperty("connectionString").GetString()!);
        await using var connection = new NpgsqlConnection(text);
        await connection.OpenAsync();
        await SqlAsync(connection, "CREATE TABLE orders (n int); INSERT INTO orders VALUES (1)");

        // Its server outlives the service, and a connection does not notice.
        await cloud.KillAsync(cloud.Units.ContainsKey("cloud") ? "cloud" : "database");
        await SqlAsync(connection, "INSERT INTO orders VALUES (2)");
        await cloud.UpAsync();
        await SqlAsync(connection, "INSERT INTO orders VALUES (3)");
        await using var ask = new NpgsqlCommand("SELECT clock_timestamp()", connection);
        var before = (DateTime)(await ask.ExecuteScalarAsync())!;
        await SqlAsync(connection, "DROP TABLE orders");
        await connection.CloseAsync();
        await UntilArchivedAsync(id, before);

        var restored = await cloud.PostAsync(
            $"/v1/databases/{id}/restore?wait=120", new { to = before, inPlace = true }, HttpStatusCode.OK);

        restored.GetProperty("status").GetString().ShouldBe("available", restored.ToString());
        await using var again = new NpgsqlConnection(text);
        await again.OpenAsync();
        await using var sum = new NpgsqlCommand("SELECT sum(n) FROM orders", again);
        (await sum.ExecuteScalarAsync()).ShouldBe(6L);
        await again.CloseAsync();

        // The archive is nobody's to read.
        var buckets = await cloud.GetAsync("/v1/buckets");
        buckets.GetProperty("items").EnumerateArray().ShouldAllBe(
            bucket => !bucket.GetProperty("name").GetString()!.StartsWith("cloud-private", StringComparison.Ordinal));
        (await cloud.SendAsync(HttpMethod.Delete, $"/v1/databases/{id}?wait=120&finalBackup=false")).Status
            .ShouldBe(HttpStatusCode.NoContent);
        Directory.Exists(Path.Combine(cloud.Data, "databases", id)).ShouldBeFalse();
    }

    private async Task UntilArchivedAsync(string id, DateTime at)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (DateTime.Parse(
            (await cloud.GetAsync($"/v1/databases/{id}/recovery-window")).GetProperty("latest").GetString()!,
            CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal) < at)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(200), limit.Token);
        }
    }

    private static string TextOf(string url)
    {
        var uri = new Uri(url);
        var user = uri.UserInfo.Split(':');
        return $"Host={uri.Host};Port={uri.Port};Username={user[0]};Password={user[1]};Database={uri.AbsolutePath[1..]};SSL Mode=Require;"
            + "Pooling=false";
    }

    private static async Task SqlAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
