namespace Cloud.Persistence.Sqlite;

/// <summary>
/// SQLite has one writer at a time. Here the writers of this process queue for their turn, in order and without polling, where SQLite alone
/// would have them sleep and retry until one of them gives up with "database is locked".
/// </summary>
internal sealed class WriterGate(string database) : IDisposable
{
    /// <summary>The longest that a writer waits for its turn. Longer means that a transaction was left open, or waits for itself.</summary>
    private static readonly TimeSpan TurnWait = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _turn = new(1, 1);

    public void Enter()
    {
        if (!_turn.Wait(TurnWait))
        {
            throw Busy();
        }
    }

    public async Task EnterAsync(CancellationToken ct)
    {
        if (!await _turn.WaitAsync(TurnWait, ct))
        {
            throw Busy();
        }
    }

    public void Leave() => _turn.Release();

    public void Dispose() => _turn.Dispose();

    private DatabaseBusyException Busy() => new($"No turn to write to {database} within {TurnWait.TotalSeconds} s.");
}
