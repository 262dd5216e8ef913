using Cloud.ServiceDefaults.Auth;

namespace Cloud.Gateway.Events;

internal static class EventEndpoints
{
    public static void MapEvents(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/v1/events", StreamEvents.HandleAsync).WithTags("Events").RequireRole(Role.Viewer).WithName("StreamEvents")
            .WithSummary("Streams every change in the project as it happens (Server-Sent Events); Last-Event-ID goes on after an event")
            .Produces<EventView>(StatusCodes.Status200OK, "text/event-stream");
}
