using System.Diagnostics;
using System.Text.Json;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace Cloud.Messaging;

/// <summary>Publishes with the data: a message leaves when, and only when, the context's save is committed.</summary>
public readonly record struct Outbox
{
    private readonly DbContext _db;

    internal Outbox(DbContext db) => _db = db;

    /// <summary>Adds a message to the context's next save.</summary>
    /// <param name="orderKey">Messages of the same key are handled in the order of their commits: the resource's id.</param>
    public void Add<TMessage>(TMessage message, string orderKey)
        where TMessage : notnull
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentException.ThrowIfNullOrEmpty(orderKey);
        var now = _db.GetService<TimeProvider>().GetUtcNow();
        var id = TypedId.NewValue("msg", now);
        object body = message;
        if (message is ResourceEvent happened)
        {
            body = happened with { Id = happened.Id is "" ? id : happened.Id, At = happened.At == default ? now : happened.At };
        }

        _db.Set<OutboxMessage>().Add(new OutboxMessage
        {
            MessageId = id,
            Name = StableNames.Of(message.GetType()),
            OrderKey = orderKey,
            Body = JsonSerializer.Serialize(body, body.GetType(), MessageJson.Options),
            At = now,
            TraceParent = Activity.Current?.Id,
            Resource = (message as ResourceEvent)?.Resource,
        });
    }
}
