using System.Collections.Concurrent;

namespace Cloud.Messaging;

/// <summary>Wakes reconcilers before their time, when somebody knows that there is something to do.</summary>
public sealed class ReconcilerSignals(TimeProvider time)
{
    private readonly ConcurrentDictionary<Type, WakeSignal> _signals = new();

    /// <summary>Has the reconciler run now; while it runs, once more after that.</summary>
    public void Wake<TReconciler>()
        where TReconciler : IReconciler =>
        Of(typeof(TReconciler)).Set();

    internal WakeSignal Of(Type reconciler) => _signals.GetOrAdd(reconciler, _ => new WakeSignal(time));
}
