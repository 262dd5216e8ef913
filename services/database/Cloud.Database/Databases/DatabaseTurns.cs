using System.Collections.Concurrent;

namespace Cloud.Database.Databases;

/// <summary>One at a time works on a database's server: a saga's step, or who looks after what runs.</summary>
internal sealed class DatabaseTurns
{
    private readonly ConcurrentDictionary<DatabaseId, SemaphoreSlim> _turns = new();

    public async Task<IDisposable> TakeAsync(DatabaseId database, CancellationToken ct)
    {
        var turn = _turns.GetOrAdd(database, _ => new SemaphoreSlim(1));
        await turn.WaitAsync(ct);
        return new Turn(turn);
    }

    private sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
