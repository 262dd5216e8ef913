using System.Net;
using System.Text.Json;
using Cloud.ServiceDefaults.Auth;
using Cloud.Testing;
using Npgsql;

namespace Cloud.Database.Tests.Kit;

/// <summary>A test against a shared service, with a project of its own and real servers.</summary>
public abstract class DatabaseTest(DatabaseUnderTest service)
{
    private static int _names;

    protected DatabaseUnderTest Service => service;

    protected string Project { get; } = NewName("prj");

    protected static string NewName(string word) => $"{word}-{Interlocked.Increment(ref _names)}";

    protected Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(
        HttpMethod method, string path, object? body = null, Role role = Role.Editor, string? project = null) =>
        service.SendAsync(method, path, body, project ?? Project, role);

    protected async Task<JsonElement> GetAsync(string path)
    {
        var (status, body) = await SendAsync(HttpMethod.Get, path);
        status.ShouldBe(HttpStatusCode.OK, body.ToString());
        return body;
    }

    protected async Task<JsonElement> PostAsync(string path, object? body = null, HttpStatusCode expected = HttpStatusCode.OK)
    {
        var (status, answer) = await SendAsync(HttpMethod.Post, path, body);
        status.ShouldBe(expected, answer.ToString());
        return answer;
    }

    /// <summary>A database that takes connections.</summary>
    protected async Task<JsonElement> CreateAsync(object? request = null)
    {
        var made = await PostAsync("/v1/databases?wait=120", request ?? new { name = NewName("db") }, HttpStatusCode.Created);
        StatusOf(made).ShouldBe("available", made.ToString());
        return made;
    }

    /// <summary>An action that must settle as this.</summary>
    protected async Task<JsonElement> ActAsync(string id, string action, object? body = null, string status = "available")
    {
        var settled = await PostAsync($"/v1/databases/{id}/{action}?wait=120", body);
        StatusOf(settled).ShouldBe(status, settled.ToString());
        return settled;
    }

    protected async Task DeleteAsync(string id, string query = "") => (await SendAsync(
        HttpMethod.Delete, $"/v1/databases/{id}?wait=120{query}")).Status.ShouldBe(HttpStatusCode.NoContent);

    protected static string IdOf(JsonElement resource) => resource.GetProperty("id").GetString()!;

    protected static string StatusOf(JsonElement resource) => resource.GetProperty("status").GetString()!;

    protected static string UrlOf(JsonElement resource) => resource.GetProperty("connectionString").GetString()!;

    /// <summary>What a connection string says, for Npgsql.</summary>
    protected static NpgsqlConnectionStringBuilder TextOf(string url)
    {
        var uri = new Uri(url);
        var user = uri.UserInfo.Split(':');
        return new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.Port,
            Username = Uri.UnescapeDataString(user[0]),
            Password = Uri.UnescapeDataString(user[1]),
            Database = uri.AbsolutePath[1..],
            SslMode = SslMode.Require,
            Pooling = false,
            Timeout = 15,
        };
    }

    protected static async Task<NpgsqlConnection> ConnectAsync(string url)
    {
        var connection = new NpgsqlConnection(TextOf(url).ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    protected static async Task SqlAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    protected static async Task<T> AskAsync<T>(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>The same by a connection of its own.</summary>
    protected static async Task<T> AskAsync<T>(string url, string sql)
    {
        await using var connection = await ConnectAsync(url);
        return await AskAsync<T>(connection, sql);
    }

    protected static async Task SqlAsync(string url, string sql)
    {
        await using var connection = await ConnectAsync(url);
        await SqlAsync(connection, sql);
    }

    /// <summary>The code of SQL's refusal that the statement must end with.</summary>
    protected static async Task<string> RefusedSqlAsync(NpgsqlConnection connection, string sql) =>
        (await Should.ThrowAsync<PostgresException>(() => SqlAsync(connection, sql))).SqlState;

    /// <summary>The server's clock.</summary>
    protected static async Task<DateTimeOffset> ClockAsync(NpgsqlConnection connection) =>
        new(await AskAsync<DateTime>(connection, "SELECT clock_timestamp()"), TimeSpan.Zero);

    protected Task UntilAsync(string id, string status) => Eventually.HoldsAsync(
        async () => StatusOf(await GetAsync($"/v1/databases/{id}")) == status, $"database {id} {status}");

    /// <summary>A clone's first base backup is taken after it is available.</summary>
    protected Task WindowOpensAsync(string id) => Eventually.HoldsAsync(
        async () => (await SendAsync(HttpMethod.Get, $"/v1/databases/{id}/recovery-window")).Status == HttpStatusCode.OK,
        $"the recovery window of {id} is open");

    /// <summary>The answer must be a 4xx that names this field.</summary>
    protected static void ShouldName((HttpStatusCode Status, JsonElement Body) answer, string field)
    {
        answer.Status.ShouldBe(HttpStatusCode.BadRequest, answer.Body.ToString());
        answer.Body.GetProperty("errors").TryGetProperty(field, out _).ShouldBeTrue(answer.Body.ToString());
    }

    protected static string RefusalOf((HttpStatusCode Status, JsonElement Body) answer, HttpStatusCode expected)
    {
        answer.Status.ShouldBe(expected, answer.Body.ToString());
        return answer.Body.GetProperty("code").GetString()!;
    }
}
