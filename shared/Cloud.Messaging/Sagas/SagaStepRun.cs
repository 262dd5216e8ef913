namespace Cloud.Messaging;

/// <summary>How a step went.</summary>
/// <param name="Attempts">How often it was begun after a failure or a crash; waiting does not count.</param>
/// <param name="LastError">For operators: the last exception.</param>
public sealed record SagaStepRun(
    string Name,
    SagaStepState State,
    int Attempts = 0,
    string? LastError = null,
    DateTimeOffset? StartedAt = null,
    DateTimeOffset? EndedAt = null,
    int UndoAttempts = 0,
    DateTimeOffset? UndoStartedAt = null,
    DateTimeOffset? UndoEndedAt = null);

/// <summary>Stored as numbers: no renumbering.</summary>
public enum SagaStepState
{
    Pending = 1,
    Running = 2,
    Done = 3,
    Failed = 4,
    Undoing = 5,
    Undone = 6,

    /// <summary>The undo itself was refused or took too long: something may be left behind.</summary>
    UndoFailed = 7,
}
