namespace Cloud.ServiceDefaults.Idempotency;

/// <summary>One at a time for each key, within this process. Between processes the table's key decides.</summary>
internal sealed class CallTurns
{
    private readonly Dictionary<string, Turn> _turns = new(StringComparer.Ordinal);

    /// <returns>What to dispose of when done; null where the time ran out.</returns>
    public async Task<IDisposable?> TakeAsync(string id, TimeSpan limit, CancellationToken ct)
    {
        Turn turn;
        lock (_turns)
        {
            turn = _turns.TryGetValue(id, out var there) ? there : _turns[id] = new Turn();
            turn.Users++;
        }

        try
        {
            if (await turn.Semaphore.WaitAsync(limit, ct))
            {
                return new Holder(this, id, turn);
            }
        }
        catch (OperationCanceledException)
        {
            Leave(id, turn);
            throw;
        }

        Leave(id, turn);
        return null;
    }

    private void Leave(string id, Turn turn)
    {
        lock (_turns)
        {
            if (--turn.Users == 0)
            {
                _turns.Remove(id);
                turn.Semaphore.Dispose();
            }
        }
    }

    private sealed class Turn
    {
        public SemaphoreSlim Semaphore { get; } = new(1, 1);

        public int Users { get; set; }
    }

    private sealed class Holder(CallTurns turns, string id, Turn turn) : IDisposable
    {
        public void Dispose()
        {
            turn.Semaphore.Release();
            turns.Leave(id, turn);
        }
    }
}
