using System.Text.Json;

namespace Cloud.Messaging;

/// <summary>Something happened to a resource. Everybody may listen; the order per resource is that of the commits.</summary>
/// <param name="Id">Unique, and sorts by time; set by the outbox where it is empty.</param>
/// <param name="Type">What happened, kind first: <c>instance.running</c>.</param>
/// <param name="Project">The project that may see it; empty for the whole cloud's.</param>
/// <param name="Resource">The resource's id.</param>
/// <param name="At">When; set by the outbox where it is not.</param>
/// <param name="Data">The resource as the API shows it.</param>
/// <param name="Actor">The subject that asked for it; null for the cloud's own doing.</param>
/// <param name="TraceId">The W3C trace that it belongs to.</param>
[MessageName("resource-event")]
public sealed record ResourceEvent(
    string Id, string Type, string Project, string Resource, DateTimeOffset At, JsonElement Data, string? Actor, string? TraceId)
{
    private static readonly JsonElement Nothing = JsonSerializer.SerializeToElement<object?>(null);

    /// <summary>The id of the token that the actor used, and the role it had; null as <see cref="Actor"/> is.</summary>
    public string? ActorToken { get; init; }

    public string? ActorRole { get; init; }

    /// <summary>The IP address that the actor's request came from, where it is known.</summary>
    public string? ActorAddress { get; init; }

    /// <summary>An event of the ambient actor and trace. The outbox gives it its id and time.</summary>
    public static ResourceEvent Of(string type, string project, string resource, JsonElement data)
    {
        var actor = Primitives.Actor.Current;
        return new ResourceEvent(
            "", type, project, resource, default, data.ValueKind == JsonValueKind.Undefined ? Nothing : data, actor?.Subject,
            System.Diagnostics.Activity.Current?.TraceId.ToString())
        {
            ActorToken = actor?.Token,
            ActorRole = actor?.Role,
            ActorAddress = actor?.SourceAddress,
        };
    }
}
