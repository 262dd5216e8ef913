namespace Cloud.Messaging;

/// <summary>
/// Repairs what has drifted: reads everything, compares, acts. No input, idempotent, no retry inside: the timer, or a wake-up, is the
/// retry. Made anew from the services of a scope for each round unless it is registered as a singleton. Every replica runs it.
/// </summary>
public interface IReconciler
{
    Task ReconcileAsync(CancellationToken ct);
}
