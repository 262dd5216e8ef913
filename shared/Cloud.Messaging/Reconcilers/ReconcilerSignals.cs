using System.Collections.Concurrent;

namespace Cloud.Messaging;

/// <summary>
/// Wakes reconcilers before their time, when somebody knows that there is something to do, and lets those rest that have nothing to look
/// after.
/// </summary>
public sealed class ReconcilerSignals(TimeProvider time)
{
    /// <summary>How long a reconciler rests that nothing wakes: a net under the signals.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<Type, WakeSignal> _signals = new();
    private readonly ConcurrentDictionary<Type, bool> _resting = new();

    /// <summary>Has the reconciler run now; while it runs, once more after that.</summary>
    public void Wake<TReconciler>()
        where TReconciler : IReconciler =>
        Of(typeof(TReconciler)).Set();

    /// <summary>
    /// Said by a reconciler in its round: it has nothing to look after, and who gives it something wakes it. Until then its rounds are
    /// rare.
    /// </summary>
    public void RestUntilWoken<TReconciler>()
        where TReconciler : IReconciler =>
        _resting[typeof(TReconciler)] = true;

    /// <summary>Until somebody wakes the reconciler, or its time has come.</summary>
    internal Task WaitAsync(Type reconciler, TimeSpan every, CancellationToken ct) =>
        Of(reconciler).WaitAsync(_resting.TryRemove(reconciler, out _) && every < Rest ? Rest : every, ct);

    private WakeSignal Of(Type reconciler) => _signals.GetOrAdd(reconciler, _ => new WakeSignal(time));
}
