using Cloud.Primitives;

namespace Cloud.Messaging;

/// <summary>A saga that was started: where it stands, and how it came there.</summary>
internal sealed class SagaRun
{
    /// <summary>The order of starting within a key.</summary>
    public long Position { get; private init; }

    /// <summary><c>saga-…</c></summary>
    public required string Id { get; init; }

    /// <summary>The saga's stable name.</summary>
    public required string Saga { get; init; }

    /// <summary>The resource it works on. One saga of a key is under way at a time.</summary>
    public required string Key { get; init; }

    public required string Data { get; init; }

    public SagaState State { get; set; } = SagaState.Running;

    /// <summary>The step that is being done or undone.</summary>
    public int Step { get; set; }

    /// <summary>Filled when it is first worked at.</summary>
    public IReadOnlyList<SagaStepRun> Steps { get; set; } = [];

    /// <summary>Why it is being undone.</summary>
    public string? Reason { get; set; }

    /// <summary>The process that works at it.</summary>
    public string? Owner { get; set; }

    /// <summary>Until when it is the owner's alone.</summary>
    public DateTimeOffset LeaseEndsAt { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? EndedAt { get; set; }

    public string? TraceParent { get; init; }

    /// <summary>This process has saved that it tries the present step; not stored.</summary>
    public bool IsWarm { get; set; }

    public bool IsUnderWay => State is SagaState.Running or SagaState.Undoing or SagaState.Failing;

    public static SagaRun Start(string saga, string key, string data, string? traceParent, DateTimeOffset now) => new()
    {
        Id = TypedId.NewValue("saga", now),
        Saga = saga,
        Key = key,
        Data = data,
        CreatedAt = now,
        TraceParent = traceParent,
    };
}

/// <summary>Stored as numbers: no renumbering. Those before <see cref="Done"/> are under way.</summary>
public enum SagaState
{
    Running = 1,

    /// <summary>A step was refused or took too long; what was done is being undone, last first.</summary>
    Undoing = 2,

    /// <summary>All is undone; the saga says so.</summary>
    Failing = 3,

    Done = 4,
    Failed = 5,

    /// <summary>A later saga of the same key took over.</summary>
    Superseded = 6,
}
