namespace Cloud.Messaging;

/// <summary>What became of a step: it is done, or is to be carried out again because what it waits for is not there yet.</summary>
public readonly record struct StepResult
{
    private StepResult(TimeSpan? delay) => Delay = delay;

    public static StepResult Done { get; }

    /// <summary>The pause before the step runs again; null when it is done.</summary>
    public TimeSpan? Delay { get; }

    /// <summary>Run the step again after the delay, or as soon as the resource of the saga's key changes.</summary>
    public static StepResult Again(TimeSpan delay) => new(delay);
}
