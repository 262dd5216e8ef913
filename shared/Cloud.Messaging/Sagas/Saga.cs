namespace Cloud.Messaging;

/// <summary>
/// Durable work of several steps on one resource, resumed after a crash. Made anew for every step from the services of a scope, so it holds
/// no state: what a step finds out it writes to the service's own rows.
/// </summary>
/// <typeparam name="TData">What the saga was started with; stored as JSON, never changed.</typeparam>
public abstract class Saga<TData>
{
    /// <summary>The steps, in order.</summary>
    public abstract IReadOnlyList<SagaStep<TData>> Steps { get; }

    /// <summary>Called after a step was refused or not done within its limit, and all steps were undone. Tried until it succeeds.</summary>
    /// <param name="reason">For the resource's status: what was refused, or which step took too long.</param>
    public virtual Task FailedAsync(TData data, string reason, CancellationToken ct) => Task.CompletedTask;
}
