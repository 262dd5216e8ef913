using System.Net;
using System.Security.Cryptography;
using Npgsql;

namespace Cloud.EndToEnd.Tests;

/// <summary>Something that is backed up, of one kind: made, changed, read and removed as its users do.</summary>
internal abstract class BackedUpThing(CloudUnderTest cloud, string id)
{
    public string Id => id;

    /// <summary>Where the API has those of this kind.</summary>
    public abstract string Path { get; }

    protected CloudUnderTest Cloud => cloud;

    /// <summary>Changes a part of it; the digest of all that it holds then.</summary>
    public abstract Task<string> ChangeAsync(Random chance);

    /// <summary>The digest of what one of this kind holds that was made of a point.</summary>
    public abstract Task<string> DigestAsync(string restored);

    public virtual async Task DeleteAsync(string made) =>
        (await cloud.SendAsync(HttpMethod.Delete, $"{Path}/{made}?wait=120")).Status.ShouldBe(HttpStatusCode.NoContent, made);
}

internal sealed class ThingOfVolume(CloudUnderTest cloud, BackedUpVolume volume) : BackedUpThing(cloud, volume.Id)
{
    private const int SizeBytes = 16 << 20;
    private const int WrittenBytes = 300_000;

    public override string Path => "/v1/volumes";

    public static async Task<BackedUpThing> CreateAsync(CloudUnderTest cloud)
    {
        var volume = await BackedUpVolume.CreateAsync(cloud, "chaos", SizeBytes);
        await volume.WriteAsync(0, RandomNumberGenerator.GetBytes(SizeBytes / 2));
        return new ThingOfVolume(cloud, volume);
    }

    public override Task<string> ChangeAsync(Random chance)
    {
        var bytes = new byte[WrittenBytes];
        chance.NextBytes(bytes);
        return volume.WriteAsync(chance.Next(SizeBytes - WrittenBytes), bytes);
    }

    public override Task<string> DigestAsync(string restored) => BackedUpVolume.DigestAsync(Cloud, restored);
}

internal sealed class ThingOfInstance(CloudUnderTest cloud, string id) : BackedUpThing(cloud, id)
{
    public override string Path => "/v1/instances";

    public static async Task<BackedUpThing> CreateAsync(CloudUnderTest cloud) =>
        new ThingOfInstance(cloud, (await cloud.CreateInstanceAsync("chaos")).GetProperty("id").GetString()!);

    public override async Task<string> ChangeAsync(Random chance)
    {
        await Cloud.ShellAsync(Id, $"dd if=/dev/urandom of=/noise bs=65536 count=4 seek={chance.Next(8)} conv=notrunc 2>/dev/null; sync");
        return await DigestAsync(Id);
    }

    public override async Task<string> DigestAsync(string restored) =>
        (await Cloud.ShellAsync(restored, "echo 3 > /proc/sys/vm/drop_caches; sha256sum < /noise")).Trim();
}

internal sealed class ThingOfBucket(CloudUnderTest cloud, string id) : BackedUpThing(cloud, id)
{
    public override string Path => "/v1/buckets";

    public static async Task<BackedUpThing> CreateAsync(CloudUnderTest cloud) => new ThingOfBucket(
        cloud, (await cloud.PostAsync("/v1/buckets", new { name = "chaos" })).GetProperty("id").GetString()!);

    public override async Task<string> ChangeAsync(Random chance)
    {
        for (var at = 0; at < 3; at++)
        {
            var bytes = new byte[chance.Next(200_000)];
            chance.NextBytes(bytes);
            using var put = await Cloud.Http.PutAsync($"{Path}/{Id}/objects/note-{chance.Next(10)}", new ByteArrayContent(bytes));
            put.StatusCode.ShouldBe(HttpStatusCode.OK);
        }

        return await DigestAsync(Id);
    }

    public override async Task<string> DigestAsync(string restored)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var key in await KeysAsync(restored))
        {
            hash.AppendData(System.Text.Encoding.UTF8.GetBytes(key));
            hash.AppendData(await Cloud.Http.GetByteArrayAsync($"{Path}/{restored}/objects/{key}"));
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    public override async Task DeleteAsync(string made)
    {
        foreach (var key in await KeysAsync(made))
        {
            (await Cloud.SendAsync(HttpMethod.Delete, $"{Path}/{made}/objects/{key}")).Status.ShouldBe(HttpStatusCode.NoContent, key);
        }

        await base.DeleteAsync(made);
    }

    private async Task<IReadOnlyList<string>> KeysAsync(string bucket) =>
        [.. (await Cloud.GetAsync($"{Path}/{bucket}/objects")).GetProperty("items").EnumerateArray()
            .Select(one => one.GetProperty("key").GetString()!)];
}

internal sealed class ThingOfDatabase(CloudUnderTest cloud, string id, string text) : BackedUpThing(cloud, id)
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromMinutes(1);

    public override string Path => "/v1/databases";

    public static async Task<BackedUpThing> CreateAsync(CloudUnderTest cloud)
    {
        var made = await cloud.PostAsync("/v1/databases?wait=120", new { name = "chaos" });
        var uri = new Uri(made.GetProperty("connectionString").GetString()!);
        var user = uri.UserInfo.Split(':');
        var text = $"Host={uri.Host};Username={user[0]};Password={user[1]};Database={uri.AbsolutePath[1..]};SSL Mode=Require;Pooling=false";
        var thing = new ThingOfDatabase(cloud, made.GetProperty("id").GetString()!, text);
        await thing.AskAsync(thing.Id, "CREATE TABLE notes (n bigint, bytes text)");
        return thing;
    }

    public override async Task<string> ChangeAsync(Random chance)
    {
        var (number, rows) = (chance.Next(), chance.Next(1, 3000));
        await AskAsync(Id, $"INSERT INTO notes SELECT {number}, md5(random()::text) FROM generate_series(1, {rows})");
        return await DigestAsync(Id);
    }

    public override async Task<string> DigestAsync(string restored) =>
        (await AskAsync(restored, "SELECT md5(coalesce(string_agg(n || bytes, ',' ORDER BY n, bytes), '')) FROM notes"))!;

    public override async Task DeleteAsync(string made) =>
        (await Cloud.SendAsync(HttpMethod.Delete, $"{Path}/{made}?wait=120&finalBackup=false")).Status
            .ShouldBe(HttpStatusCode.NoContent, made);

    private async Task<string?> AskAsync(string database, string sql)
    {
        var port = (await Cloud.GetAsync($"{Path}/{database}")).GetProperty("port").GetInt32();
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(text) { Port = port }.ConnectionString);
        using var limit = new CancellationTokenSource(AnswerLimit);
        while (true)
        {
            try
            {
                await connection.OpenAsync(limit.Token);
                break;
            }
            catch (NpgsqlException) when (!limit.IsCancellationRequested)
            {
                // Its process may have been started again just now.
                await Task.Delay(TimeSpan.FromMilliseconds(200), limit.Token);
            }
        }

        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync() as string;
    }
}
