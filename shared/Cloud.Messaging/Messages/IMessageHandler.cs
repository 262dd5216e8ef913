using Microsoft.EntityFrameworkCore;

namespace Cloud.Messaging;

/// <summary>
/// Takes a message into a service's data. It runs in one transaction with the mark that the message was handled, so that it takes effect
/// once however often it is delivered; what it changed and published is saved and committed after it. Database work only: on SQLite nobody
/// else writes meanwhile, so what takes long is left to a saga.
/// </summary>
/// <remarks>
/// A <see cref="Primitives.CloudException"/> (but Unavailable and Throttled) refuses the message, any other exception has it tried again
/// after growing delays; refused or failed too often, it becomes a dead letter and later messages of its order key go on.
/// </remarks>
public interface IMessageHandler<in TContext, in TMessage>
    where TContext : DbContext
{
    /// <param name="db">The context of the transaction; not the scope's own.</param>
    Task HandleAsync(TMessage message, TContext db, CancellationToken ct);
}
