using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;

namespace Cloud.Persistence.Sqlite;

/// <summary>
/// SQLite has one writer at a time. Here the writers of this process queue for their turn, in order and without polling, where SQLite alone
/// would have them sleep and retry until one of them gives up with "database is locked".
/// </summary>
[SuppressMessage("Reliability", "CA1001", Justification = "A gate lives as long as its process.")]
internal sealed class WriterGate
{
    /// <summary>The longest that a writer waits for its turn. Longer means that a transaction was left open, or waits for itself.</summary>
    private static readonly TimeSpan TurnWait = TimeSpan.FromSeconds(30);

    private static readonly ConcurrentDictionary<string, WriterGate> Gates = new(StringComparer.Ordinal);

    private readonly string _file;
    private readonly SemaphoreSlim _turn = new(1, 1);

    private WriterGate(string file) => _file = file;

    /// <summary>The one gate that this process has for a database's file.</summary>
    public static WriterGate Of(string file) => Gates.GetOrAdd(file, path => new WriterGate(path));

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

    private DatabaseBusyException Busy() => new($"No turn to write to {Path.GetFileName(_file)} within {TurnWait.TotalSeconds} s.");
}
