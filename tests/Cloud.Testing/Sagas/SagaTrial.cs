using Cloud.Messaging;

namespace Cloud.Testing.Sagas;

/// <summary>A world in which a saga is tried once: its own database, its own doubles of what lies outside of the process.</summary>
public abstract class SagaTrial<TData> : IAsyncDisposable
{
    /// <summary>A new saga of the type under test, over the world's services.</summary>
    public abstract Saga<TData> Saga { get; }

    public abstract TData Data { get; }

    /// <summary>Asserts what the saga is for: all its steps took effect, each once.</summary>
    public abstract Task AssertDoneAsync();

    /// <summary>Asserts that nothing is left but the word that it failed.</summary>
    public abstract Task AssertUndoneAsync();

    public virtual ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}
