using Cloud.Gateway.Persistence;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Gateway.Events;

/// <summary>Gives every event of every service its place in the stream.</summary>
internal sealed class RecordEvent : IMessageHandler<GatewayDbContext, ResourceEvent>
{
    public async Task HandleAsync(ResourceEvent message, GatewayDbContext db, CancellationToken ct)
    {
        // The inbox knows messages for days; an event that a service told again after that is known by its own id.
        if (await db.Events.AnyAsync(row => row.EventId == message.Id, ct))
        {
            return;
        }

        db.Events.Add(new EventRecord
        {
            Position = await EventCounter.TakeAsync(db, ct),
            EventId = message.Id,
            Type = message.Type,
            Project = message.Project,
            Resource = message.Resource,
            At = message.At,
            Data = message.Data.GetRawText(),
            Actor = message.Actor,
            TraceId = message.TraceId,
        });
    }
}
