using Cloud.Primitives;

namespace Cloud.Messaging;

/// <summary>What came of one try of a step: its answer, or what it threw.</summary>
internal sealed record SagaOutcome(StepResult Result, Exception? Fault)
{
    /// <summary>Trying again would be answered the same.</summary>
    public bool IsRefused => Fault is CloudException { Kind: not (ErrorKind.Unavailable or ErrorKind.Throttled) };
}
