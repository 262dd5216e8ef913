using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Cloud.Database.Redis;
using Cloud.Database.Servers;
using Cloud.Database.Tests.Kit;
using Cloud.Primitives;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Database.Tests.Redis;

/// <summary>A test with Redis servers, all processes of this machine or all in containers.</summary>
public abstract class RedisTest(DatabaseServices services, DatabasePlacement placement)
    : DatabaseTest(placement == DatabasePlacement.Container ? services.InContainers : services.OnSqlite)
{
    /// <summary>Those one after the other whose servers are in containers: some have none be made for a while.</summary>
    internal const string Contained = "Redis in containers";

    protected DatabaseServices Services => services;

    protected bool InContainers => placement == DatabasePlacement.Container;

    protected async Task<JsonElement> CreateRedisAsync(object? parameters = null)
    {
        var made = await CreateAsync(new { name = NewName("cache"), engine = "redis", parameters });
        made.GetProperty("engine").GetString().ShouldBe("redis");
        made.GetProperty("placement").GetString().ShouldBe(InContainers ? "container" : "process", made.ToString());
        return made;
    }

    /// <summary>As the user that the address names.</summary>
    internal async Task<RedisConnection> OpenAsync(string url)
    {
        using var authority = ServerCertificatesOf(Service).AuthorityCertificate();
        return await OpenAsync(url, authority);
    }

    /// <param name="authority">Of the service that made the server.</param>
    internal static async Task<RedisConnection> OpenAsync(string url, X509Certificate2 authority)
    {
        var uri = new Uri(url);
        var user = uri.UserInfo.Split(':');
        return await RedisConnection.OpenAsync(uri.Port, user[0], Uri.UnescapeDataString(user[1]), authority, default);
    }

    internal static ServerCertificates ServerCertificatesOf(DatabaseUnderTest service) =>
        service.Services.GetRequiredService<ServerCertificates>();

    /// <summary>One command, by a connection of its own.</summary>
    protected async Task<object?> SayAsync(string url, params IReadOnlyList<string> words)
    {
        await using var connection = await OpenAsync(url);
        return await connection.SendAsync(default, words);
    }

    /// <summary>Each key a write of its own.</summary>
    protected async Task WriteAsync(string url, int first, int count)
    {
        await using var connection = await OpenAsync(url);
        await WriteAsync(connection, first, count);
    }

    internal static async Task WriteAsync(RedisConnection connection, int first, int count)
    {
        for (var n = first; n < first + count; n++)
        {
            await connection.SendAsync(default, "SET", Key(n), "x");
        }
    }

    /// <summary>The numbers whose keys there are, in order.</summary>
    protected async Task<IReadOnlyList<int>> NumbersAsync(string url)
    {
        await using var connection = await OpenAsync(url);
        return await NumbersAsync(connection);
    }

    internal static async Task<IReadOnlyList<int>> NumbersAsync(RedisConnection connection) =>
        ((List<object?>)(await connection.SendAsync(default, "KEYS", "n*"))!)
            .Select(key => int.Parse(((string)key!)[1..], CultureInfo.InvariantCulture)).Order().ToList();

    protected static string Key(int number) => string.Create(CultureInfo.InvariantCulture, $"n{number}");

    /// <summary>The end of the present second by the server's clock; writes after it are of later ones.</summary>
    protected async Task<DateTimeOffset> EndOfSecondAsync(string url)
    {
        var parts = (List<object?>)(await SayAsync(url, "TIME"))!;
        var second = long.Parse((string)parts[0]!, CultureInfo.InvariantCulture);
        while (long.Parse((string)((List<object?>)(await SayAsync(url, "TIME"))!)[0]!, CultureInfo.InvariantCulture) == second)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }

        return DateTimeOffset.FromUnixTimeSeconds(second).AddMilliseconds(999);
    }

    protected async Task<int> ProcessOfAsync(string id)
    {
        if (InContainers)
        {
            return Process.GetProcesses().First(process => CommandLineOf(process.Id).StartsWith(
                $"/usr/bin/redis-server\0/srv/{id}/", StringComparison.Ordinal)).Id;
        }

        var folder = Service.Services.GetRequiredService<ServerProcesses>().FolderOf(await Service.RowAsync(id));
        return int.Parse((await File.ReadAllLinesAsync(folder.ProcessFile))[0], CultureInfo.InvariantCulture);
    }

    /// <summary>Writes, one after the other, until the server is gone.</summary>
    protected async Task KeepWritingAsync(string url, int first, HashSet<int> acknowledged, CancellationToken over)
    {
        try
        {
            await using var connection = await OpenAsync(url);
            for (var n = first; !over.IsCancellationRequested; n++)
            {
                await connection.SendAsync(default, "SET", Key(n), "x");
                acknowledged.Add(n);
            }
        }
        catch (CloudException)
        {
            // The server has died.
        }
    }

    protected async Task<bool> AnswersAsync(string url)
    {
        try
        {
            return (string?)await SayAsync(url, "PING") == "PONG";
        }
        catch (CloudException)
        {
            return false;
        }
    }

    private static string CommandLineOf(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline");
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    protected async Task<JsonElement> RestoreAsNewAsync(string id, DateTimeOffset to)
    {
        var restored = await PostAsync($"/v1/databases/{id}/restore?wait=120", new { to, name = NewName("again") }, HttpStatusCode.Created);
        StatusOf(restored).ShouldBe("available", restored.ToString());
        return restored;
    }

    protected async Task DropAsync(params IReadOnlyList<JsonElement> made)
    {
        foreach (var one in made)
        {
            await DeleteAsync(IdOf(one), "&finalBackup=false");
        }
    }
}
