using System.Globalization;
using Cloud.Identity.Contracts;
using Cloud.Identity.Persistence;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Identity.Audit;

/// <summary>
/// Writes down what users did to resources of any service. What was done to this service's own is written in its transaction already.
/// </summary>
internal sealed class ResourceEventAudit(TimeProvider time) : IMessageHandler<IdentityDbContext, ResourceEvent>
{
    public async Task HandleAsync(ResourceEvent message, IdentityDbContext db, CancellationToken ct)
    {
        if (message.Actor is not null && !await db.AuditEntries.AnyAsync(entry => entry.Source == message.Id, ct))
        {
            db.AuditEntries.Add(AuditEntries.Of(message, time.GetUtcNow()));
        }
    }
}

/// <summary>Writes down what the gateway refused.</summary>
internal sealed class CallRefusedAudit(TimeProvider time) : IMessageHandler<IdentityDbContext, CallRefused>
{
    private const int ActionLengthMax = 1000;

    public async Task HandleAsync(CallRefused message, IdentityDbContext db, CancellationToken ct)
    {
        if (await db.AuditEntries.AnyAsync(entry => entry.Source == message.Id, ct))
        {
            return;
        }

        var action = $"{message.Method} {message.Path}";
        db.AuditEntries.Add(new AuditEntry
        {
            Id = TypedId.New<AuditEntryId>(time),
            Source = message.Id,
            At = message.At,
            User = message.Subject,
            Token = message.Token,
            Project = message.Project ?? "",
            Action = action.Length > ActionLengthMax ? action[..ActionLengthMax] : action,
            Outcome = AuditOutcome.Refused,
            Detail = message.Status.ToString(CultureInfo.InvariantCulture),
            TraceId = message.TraceId,
            SourceAddress = message.SourceAddress,
        });
    }
}

internal static class AuditEntries
{
    /// <summary>An event of a resource as a line of the log.</summary>
    public static AuditEntry Of(ResourceEvent happened, DateTimeOffset now) => new()
    {
        Id = AuditEntryId.FromValue(TypedId.NewValue(AuditEntryId.Prefix, now)),
        Source = happened.Id,
        At = happened.At,
        User = happened.Actor,
        Token = happened.ActorToken,
        Role = happened.ActorRole,
        Project = happened.Project,
        Action = happened.Type,
        Resource = happened.Resource,
        Outcome = AuditOutcome.Allowed,
        TraceId = happened.TraceId,
        SourceAddress = happened.ActorAddress,
    };
}
