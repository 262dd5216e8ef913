using Microsoft.EntityFrameworkCore;

namespace Cloud.Messaging;

/// <summary>A message that a service could not handle.</summary>
/// <param name="Service">The service that could not.</param>
/// <param name="At">When it was published.</param>
/// <param name="DiedAt">When it was given up.</param>
/// <param name="Error">For operators: the last exception.</param>
public sealed record DeadLetter(
    string Service, string MessageId, string Name, string OrderKey, string Body, DateTimeOffset At, DateTimeOffset DiedAt, int Attempts,
    string Error);

/// <summary>The dead letters of the services of this process: kept in their inboxes until somebody replays or discards them.</summary>
public sealed class DeadLetters
{
    private readonly IEnumerable<IDeadLetterBox> _boxes;

    internal DeadLetters(IEnumerable<IDeadLetterBox> boxes) => _boxes = boxes;

    /// <summary>The oldest ones of each service.</summary>
    public async Task<IReadOnlyList<DeadLetter>> ListAsync(int limit, CancellationToken ct)
    {
        var letters = new List<DeadLetter>();
        foreach (var box in _boxes)
        {
            letters.AddRange(await box.ListAsync(limit, ct));
        }

        return letters;
    }

    /// <summary>Has it handled again, after what waits for its order key; false where there is no such dead letter.</summary>
    public async Task<bool> ReplayAsync(string service, string messageId, CancellationToken ct) =>
        _boxes.FirstOrDefault(box => box.Service == service) is { } box && await box.ReplayAsync(messageId, ct);

    /// <summary>Gives it up for good; a duplicate of it is still known. False where there is no such dead letter.</summary>
    public async Task<bool> DiscardAsync(string service, string messageId, CancellationToken ct) =>
        _boxes.FirstOrDefault(box => box.Service == service) is { } box && await box.DiscardAsync(messageId, ct);
}

internal interface IDeadLetterBox
{
    string Service { get; }

    Task<IReadOnlyList<DeadLetter>> ListAsync(int limit, CancellationToken ct);

    Task<bool> ReplayAsync(string messageId, CancellationToken ct);

    Task<bool> DiscardAsync(string messageId, CancellationToken ct);
}

internal sealed class DeadLetterBox<TContext>(
    IDbContextFactory<TContext> databases, ServiceRegistration<TContext> registration) : IDeadLetterBox
    where TContext : DbContext
{
    public string Service => registration.Name;

    public async Task<IReadOnlyList<DeadLetter>> ListAsync(int limit, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var dead = await db.Set<InboxMessage>().AsNoTracking().Where(message => message.State == InboxState.Dead)
            .OrderBy(message => message.Position).Take(limit).ToListAsync(ct);
        return dead.ConvertAll(message => new DeadLetter(
            Service, message.MessageId, message.Name, message.OrderKey, message.Body, message.At, message.EndedAt!.Value, message.Attempts,
            message.Error!));
    }

    public async Task<bool> ReplayAsync(string messageId, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var found = await Dead(db, messageId).ExecuteUpdateAsync(
            row => row
                .SetProperty(one => one.State, InboxState.Waiting)
                .SetProperty(one => one.Attempts, 0)
                .SetProperty(one => one.EndedAt, (DateTimeOffset?)null),
            ct);
        registration.InboxSignal.Set();
        return found > 0;
    }

    public async Task<bool> DiscardAsync(string messageId, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await Dead(db, messageId).ExecuteUpdateAsync(row => row.SetProperty(one => one.State, InboxState.Handled), ct) > 0;
    }

    private static IQueryable<InboxMessage> Dead(TContext db, string messageId) =>
        db.Set<InboxMessage>().Where(message => message.MessageId == messageId && message.State == InboxState.Dead);
}
