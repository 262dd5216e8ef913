using Cloud.Database.Databases;
using Cloud.Database.Engines;
using Cloud.Database.Persistence;
using Cloud.Database.Secrets;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Users;

/// <summary>A user of a database's server.</summary>
/// <param name="ConnectionString">With the password for whoever made it, else without.</param>
/// <param name="InternalConnectionString">The same for instances of the project.</param>
public sealed record DatabaseUserView(string Name, bool IsOwner, string ConnectionString, string InternalConnectionString)
{
    internal static DatabaseUserView Of(ManagedDatabase row, string name, string? password) => new(
        name, name == ManagedDatabase.OwnerName, DatabaseView.ConnectionStringOf(row, name, password),
        DatabaseView.InternalConnectionStringOf(row, name, password));
}

/// <summary>The body of <c>POST /v1/databases/{id}/users</c>.</summary>
public sealed record CreateDatabaseUserRequest
{
    public required string Name { get; init; }

    /// <summary>8 to 200 characters of any kind; left out, one is made.</summary>
    public string? Password { get; init; }
}

/// <summary>The body of <c>POST /v1/databases/{id}/rotate-password</c>.</summary>
public sealed record RotatePasswordRequest
{
    /// <summary>Left out: the owner, <c>app</c>.</summary>
    public string? User { get; init; }

    /// <summary>8 to 200 characters of any kind; left out, one is made.</summary>
    public string? Password { get; init; }
}

/// <summary>The names of users and databases of a server.</summary>
internal static class ServerName
{
    // PostgreSQL cuts longer ones (NAMEDATALEN).
    private const int LengthMax = 63;

    private const string Form = "1 to 63 of the characters a-z, 0-9 and '_', not beginning with a digit, 'pg_' or 'cloud_'";

    public static string Require(string? name, string field) =>
        name is { Length: > 0 and <= LengthMax } && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_')
        && !char.IsAsciiDigit(name[0]) && !name.StartsWith("pg_", StringComparison.Ordinal)
        && !name.StartsWith("cloud_", StringComparison.Ordinal) && name is not ("public" or "none" or "postgres")
            ? name
            : throw CloudException.Invalid(field, $"Expected {Form}.");
}

/// <summary>The passwords that callers choose.</summary>
internal static class ServerPassword
{
    private const int LengthMin = 8;
    private const int LengthMax = 200;

    public static string Require(string? password) => password is null
        ? PasswordBox.NewPassword()
        : password.Length is >= LengthMin and <= LengthMax && !password.Contains('\0', StringComparison.Ordinal)
            ? password
            : throw CloudException.Invalid("password", $"Expected {LengthMin} to {LengthMax} characters, without NUL.");
}

internal static class ListDatabaseUsers
{
    public static async Task<Page<DatabaseUserView>> HandleAsync(
        string id, Caller caller, DatabaseDbContext db, ServerEngines engines, CancellationToken ct)
    {
        var row = await db.Databases.AsNoTracking().FindRunningAsync(caller, id, ct);
        var names = await engines.Of(row).ListUsersAsync(row, ct);
        return new Page<DatabaseUserView>(names.Select(name => DatabaseUserView.Of(row, name, null)).ToList(), null);
    }
}

internal static class CreateDatabaseUser
{
    public static async Task<IResult> HandleAsync(
        string id, CreateDatabaseUserRequest request, Caller caller, DatabaseDbContext db, ServerEngines engines, CancellationToken ct)
    {
        var name = ServerName.Require(request.Name, "name");
        var password = ServerPassword.Require(request.Password);
        var row = await db.Databases.AsNoTracking().FindRunningAsync(caller, id, ct);
        await engines.Of(row).CreateUserAsync(row, name, password, ct);
        return TypedResults.Created($"/v1/databases/{row.Id}/users/{name}", DatabaseUserView.Of(row, name, password));
    }
}

internal static class DeleteDatabaseUser
{
    public static async Task<IResult> HandleAsync(
        string id, string name, Caller caller, DatabaseDbContext db, ServerEngines engines, CancellationToken ct)
    {
        ServerName.Require(name, "name");
        if (name == ManagedDatabase.OwnerName)
        {
            throw CloudException.Conflict("owner", $"The user '{name}' owns the database and stays with it.");
        }

        var row = await db.Databases.AsNoTracking().FindRunningAsync(caller, id, ct);
        await engines.Of(row).DeleteUserAsync(row, name, ct);
        return TypedResults.NoContent();
    }
}

internal static class RotatePassword
{
    public static async Task<DatabaseUserView> HandleAsync(
        string id, RotatePasswordRequest? request, Caller caller, DatabaseDbContext db, DatabaseAction action,
        ServerEngines engines, PasswordBox passwords, CancellationToken ct)
    {
        var name = ServerName.Require(request?.User ?? ManagedDatabase.OwnerName, "user");
        var password = ServerPassword.Require(request?.Password);
        var row = await db.Databases.AsNoTracking().FindRunningAsync(caller, id, ct);
        await engines.Of(row).RequireUserAsync(row, name, ct);
        if (name == ManagedDatabase.OwnerName)
        {
            // First the row: a start would bring the old password back.
            row = await action.ChangeAsync(id, caller, ServiceDefaults.Changes.IfMatch.None, "password-rotated", (one, now) =>
            {
                one.TakePassword(passwords.Seal(password, one.Id), now);
                return Task.CompletedTask;
            }, ct);
        }

        await engines.Of(row).SetPasswordAsync(row, name, password, ct);
        return DatabaseUserView.Of(row, name, password);
    }
}
