namespace Cloud.Messaging;

/// <summary>A saga as it is shown: its steps and where it stands.</summary>
/// <param name="Saga">The saga's stable name.</param>
/// <param name="Reason">Why it was undone; null where it was not.</param>
/// <param name="TraceId">The W3C trace of the request that started it.</param>
public sealed record SagaTimeline(
    string Id,
    string Saga,
    string Key,
    SagaState State,
    string? Reason,
    IReadOnlyList<SagaStepRun> Steps,
    DateTimeOffset CreatedAt,
    DateTimeOffset? EndedAt,
    string? TraceId);
