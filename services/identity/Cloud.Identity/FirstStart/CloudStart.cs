using System.Security.Cryptography;
using Cloud.Identity.AccessKeys;
using Cloud.Identity.Members;
using Cloud.Identity.Persistence;
using Cloud.Identity.Projects;
using Cloud.Identity.Secrets;
using Cloud.Identity.SigningKeys;
using Cloud.Identity.Tokens;
using Cloud.Identity.Users;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Quotas;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Cloud.Identity.FirstStart;

/// <summary>
/// Sees at every start, before any call is taken, that the cloud can be used: that there is a signing key, an admin, a project, and a
/// file of credentials that work. The rows are committed before the file is written, so a start that is killed in between leaves a lost
/// file, and the next one makes new credentials and revokes those that nobody has ever seen.
/// </summary>
internal sealed partial class CloudStart(
    IDbContextFactory<IdentityDbContext> databases,
    KeyRing keys,
    SecretBox secrets,
    IOptions<IdentityOptions> options,
    IConfiguration configuration,
    TimeProvider time,
    ILogger<CloudStart> log)
    : IHostedLifecycleService
{
    private const string AdminName = "admin";
    private const string ProjectName = "default";
    private const string CredentialsName = "credentials-env";

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        await keys.RotateAsync(options.Value.SigningKeyLifetime, cancellationToken);
        var file = await PrepareAsync(ReadFile(), cancellationToken);
        var path = options.Value.CredentialsFile;
        if (ReadFile() != file.ToText())
        {
            PrivateFile.Replace(path, file.ToText());
            LogWritten(log, path);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private string? ReadFile() => File.Exists(options.Value.CredentialsFile) ? File.ReadAllText(options.Value.CredentialsFile) : null;

    private async Task<CredentialsFile> PrepareAsync(string? text, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        await using var transaction = await db.BeginGuardedAsync(ct);
        if (text is not null && CredentialsFile.ReadSecrets(text) is var (token, accessKeyId, secret)
            && await OpensAsync(token, db, ct) && await OpensAsync(accessKeyId, secret, db, ct))
        {
            return FileOf(token, accessKeyId, secret);
        }

        var file = await IssueAsync(db, ct);
        await transaction.CommitAsync(ct);
        return file;
    }

    private CredentialsFile FileOf(string token, string accessKeyId, string secret) => new(
        $"http://127.0.0.1:{configuration["Cloud:HttpPort"]}",
        $"http://127.0.0.1:{configuration["Cloud:S3Port"]}",
        token,
        accessKeyId,
        secret);

    private async Task<CredentialsFile> IssueAsync(IdentityDbContext db, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var issued = await db.IssuedCredentials.SingleOrDefaultAsync(ct);
        await RevokeAsync(issued, db, now, ct);
        var project = await FindProjectAsync(issued, db, ct) ?? AddProject(db, now);
        var user = await FindAdminAsync(issued, db, ct) ?? await AddAdminAsync(project, db, now, ct);
        var (token, tokenText) = AddToken(project, user, db, now);
        var (key, secret) = AddAccessKey(project, user, db, now);
        if (issued is null)
        {
            db.IssuedCredentials.Add(new IssuedCredentials { Project = project, User = user, Token = token.Id, AccessKey = key.Id });
        }
        else
        {
            (issued.Project, issued.User, issued.Token, issued.AccessKey) = (project, user, token.Id, key.Id);
        }

        await db.SaveChangesAsync(ct);
        LogIssued(log, token.Id.Value, key.PublicId);
        return FileOf(tokenText, key.PublicId, secret);
    }

    /// <summary>Saved by itself: the names of the old ones are to be free for the new.</summary>
    private static async Task RevokeAsync(IssuedCredentials? issued, IdentityDbContext db, DateTimeOffset now, CancellationToken ct)
    {
        if (issued is null)
        {
            return;
        }

        if (await db.Tokens.Existing().SingleOrDefaultAsync(row => row.Id == issued.Token, ct) is { } token)
        {
            db.Revoke(token, now);
        }

        if (await db.AccessKeys.Existing().SingleOrDefaultAsync(row => row.Id == issued.AccessKey, ct) is { } key)
        {
            db.Revoke(key, now);
        }

        await db.SaveChangesAsync(ct);
    }

    private static async Task<ProjectId?> FindProjectAsync(IssuedCredentials? issued, IdentityDbContext db, CancellationToken ct)
    {
        var before = issued?.Project ?? default;
        var found = await db.Projects.AsNoTracking().Existing()
            .Where(project => project.Id == before || project.Name == ProjectName)
            .OrderByDescending(project => project.Id == before)
            .FirstOrDefaultAsync(ct);
        return found?.Id;
    }

    /// <summary>The one before; where it is no admin any more, any: there is always one.</summary>
    private static async Task<UserId?> FindAdminAsync(IssuedCredentials? issued, IdentityDbContext db, CancellationToken ct)
    {
        var before = issued?.User ?? default;
        var found = await db.Users.AsNoTracking().ActiveAdmins()
            .OrderByDescending(user => user.Id == before)
            .ThenBy(user => user.Id)
            .FirstOrDefaultAsync(ct);
        return found?.Id;
    }

    private ProjectId AddProject(IdentityDbContext db, DateTimeOffset now)
    {
        var project = Project.Create(TypedId.New<ProjectId>(time), ProjectName, "Made by the first start.", Labels.None, now);
        db.Projects.Add(project);
        db.AddResourceEvent("project.created", project.Id.Value, project.Id.Value, ProjectView.From(project));
        return project.Id;
    }

    private async Task<UserId> AddAdminAsync(ProjectId project, IdentityDbContext db, DateTimeOffset now, CancellationToken ct)
    {
        var user = User.Create(TypedId.New<UserId>(time), AdminName, isAdmin: true, Labels.None, now);
        var member = Member.Create(project, user.Id, Role.Owner, now);
        db.Users.Add(user);
        db.Members.Add(member);
        await db.Quotas().ReserveAsync(project.Value, "members", 1, ct);
        db.AddResourceEvent("user.created", "", user.Id.Value, UserView.From(user));
        db.AddMemberEvent("created", member, user.Name);
        return user.Id;
    }

    private (ApiToken Token, string Text) AddToken(ProjectId project, UserId user, IdentityDbContext db, DateTimeOffset now)
    {
        var id = TypedId.New<TokenId>(time);
        var text = TokenText.New(id);
        var token = ApiToken.Create(
            new NewToken { Id = id, Project = project, User = user, Name = CredentialsName, Role = Role.Admin }, text, now);
        db.Tokens.Add(token);
        db.AddResourceEvent("token.created", project.Value, id.Value, TokenView.From(token, now));
        return (token, text);
    }

    private (AccessKey Key, string Secret) AddAccessKey(ProjectId project, UserId user, IdentityDbContext db, DateTimeOffset now)
    {
        var publicId = AccessKeyPair.NewPublicId();
        var secret = AccessKeyPair.NewSecret();
        var key = AccessKey.Create(
            new NewAccessKey
            {
                Id = TypedId.New<AccessKeyId>(time),
                PublicId = publicId,
                Project = project,
                User = user,
                Name = CredentialsName,
            },
            AccessKeyPair.Seal(secrets, secret, publicId),
            now);
        db.AccessKeys.Add(key);
        db.AddResourceEvent("access-key.created", project.Value, key.Id.Value, AccessKeyView.From(key, now));
        return (key, secret);
    }

    private async Task<bool> OpensAsync(string tokenText, IdentityDbContext db, CancellationToken ct) =>
        TokenText.TryReadId(tokenText, out var id)
        && await db.Tokens.AsNoTracking().SingleOrDefaultAsync(row => row.Id == id && row.Role == Role.Admin, ct) is { } token
        && CryptographicOperations.FixedTimeEquals(token.Hash, TokenText.HashOf(tokenText))
        && token.StatusAt(time.GetUtcNow()) == TokenStatus.Active
        && await db.Users.ActiveAdmins().AnyAsync(user => user.Id == token.User, ct)
        && await db.Projects.Existing().AnyAsync(project => project.Id == token.Project, ct);

    private async Task<bool> OpensAsync(string accessKeyId, string secret, IdentityDbContext db, CancellationToken ct)
    {
        var key = await db.AccessKeys.AsNoTracking().SingleOrDefaultAsync(row => row.PublicId == accessKeyId, ct);
        try
        {
            return key is not null && key.StatusAt(time.GetUtcNow()) == TokenStatus.Active
                && AccessKeyPair.Open(secrets, key.SealedSecret, key.PublicId) == secret;
        }
        catch (CryptographicException lost)
        {
            LogLost(log, accessKeyId, lost.Message);
            return false;
        }
    }

    [LoggerMessage(EventId = 1001, Level = LogLevel.Information, Message = "Wrote {Path}")]
    private static partial void LogWritten(ILogger log, string path);

    [LoggerMessage(EventId = 1002, Level = LogLevel.Information, Message = "Issued the admin token {Token} and the access key {AccessKey}")]
    private static partial void LogIssued(ILogger log, string token, string accessKey);

    [LoggerMessage(
        EventId = 1003, Level = LogLevel.Error, Message = "The access key {AccessKey} cannot be opened, a new one is made: {Reason}")]
    private static partial void LogLost(ILogger log, string accessKey, string reason);
}
