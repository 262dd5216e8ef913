using Cloud.Database.Databases;
using Cloud.Database.Persistence;
using Cloud.Database.Servers;
using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;
using Npgsql.Replication;
using NpgsqlTypes;

namespace Cloud.Database.Archive;

/// <summary>
/// Stores one server's write-ahead log as it is written: a client of the server's replication protocol with a slot of its own, so that the
/// server keeps what is not stored yet, whatever dies meanwhile. It confirms only what the object storage has acknowledged.
/// </summary>
internal sealed partial class LogArchiver : IAsyncDisposable
{
    private const string Slot = "cloud_archive";

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StoreLimit = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The server tells each commit's log by itself. What comes within this is taken at once, where nobody waits for it: to wake for each
    /// would cost a busy server a tenth of its transactions.
    /// </summary>
    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(50);

    private readonly ManagedDatabase _database;
    private readonly IDbContextFactory<DatabaseDbContext> _databases;
    private readonly IPrivateObjects _objects;
    private readonly ServerConnections _connections;
    private readonly TimeSpan _interval;
    private readonly ILogger _log;

    private readonly CancellationTokenSource _end = new();
    private readonly SemaphoreSlim _turn = new(1);
    private readonly byte[] _segment = new byte[ArchiveKeys.SegmentBytes];
    private readonly Task _run;

    // All of these are read and written in turn.
    private PhysicalReplicationConnection? _connection;
    private long _received;
    private long _stored;
    private long _saved;
    private TaskCompletionSource _progress = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _wanted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _eager;
    private bool _isLost;

    public LogArchiver(
        ManagedDatabase database, IDbContextFactory<DatabaseDbContext> databases, IPrivateObjects objects, ServerConnections connections,
        TimeSpan interval, ILogger log)
    {
        (_database, _databases, _objects, _connections, _interval, _log) = (database, databases, objects, connections, interval, log);
        _run = RunAsync();
    }

    /// <summary>The timeline that the server writes.</summary>
    public int Timeline { get; private set; }

    public int Generation => _database.Generation;

    /// <summary>Stores all of the log up to a place, and says that everything up to a time is stored.</summary>
    /// <exception cref="CloudException">It did not come in time.</exception>
    public async Task StoreAsync(long position, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct, _end.Token);
        limit.CancelAfter(StoreLimit);
        try
        {
            while (true)
            {
                var progress = Volatile.Read(ref _progress).Task;
                if (Interlocked.Read(ref _received) >= position)
                {
                    await StoreReceivedAsync(limit.Token);
                    return;
                }

                Volatile.Read(ref _wanted).TrySetResult();
                await progress.WaitAsync(limit.Token);
            }
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new CloudException(ErrorKind.Unavailable, "log-not-archived", "The server's log is not in the archive yet.");
        }
    }

    /// <summary>Says, in the service's database, up to which moment every commit is stored.</summary>
    public async Task SaveTimeAsync(DateTimeOffset at, CancellationToken ct)
    {
        await using var db = await _databases.CreateDbContextAsync(ct);
        var position = Interlocked.Read(ref _stored);
        var row = await db.ArchivedLogs.FindAsync([_database.Id, _database.Generation], ct);
        if (row is null)
        {
            db.ArchivedLogs.Add(new ArchivedLog { Database = _database.Id, Generation = Generation, Position = position, At = at });
        }
        else if (row.At < at)
        {
            (row.Position, row.At) = (position, at);
        }

        await db.SaveChangesAsync(ct);
        Interlocked.Exchange(ref _saved, position);
    }

    /// <summary>There is log that is stored, and the time up to which is not said.</summary>
    public bool HasUnsaid => Interlocked.Read(ref _received) != Interlocked.Read(ref _saved);

    /// <summary>How much log there is, in bytes from its beginning.</summary>
    public long Received => Interlocked.Read(ref _received);

    /// <summary>From now on every piece is stored as it comes: a server that stops waits for its last to be confirmed.</summary>
    public void HurryUp()
    {
        _eager = true;
        Volatile.Read(ref _wanted).TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _run.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _end.Dispose();
        _turn.Dispose();
    }

    private async Task RunAsync()
    {
        await Task.Yield();
        while (!_end.IsCancellationRequested)
        {
            try
            {
                await StreamAsync(_end.Token);
            }
            catch (OperationCanceledException) when (_end.IsCancellationRequested)
            {
                return;
            }
            catch (Exception) when (_eager)
            {
                // The server stops, as it was told to.
            }
            catch (Exception lost) when (!_isLost)
            {
                // Once, until it goes on.
                _isLost = true;
                LogLost(_log, _database.Id, lost.Message);
            }
            catch (Exception) when (_isLost)
            {
                // Said before.
            }

            await Task.Delay(RetryDelay, _end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task StreamAsync(CancellationToken ct)
    {
        var confirmed = await FindStartAsync(ct);
        var start = ArchiveKeys.SegmentStart(confirmed);
        await using var connection = new PhysicalReplicationConnection(_connections.ReplicationText(_database));
        await connection.Open(ct);
        Timeline = (int)(await connection.IdentifySystem(ct)).Timeline;
        await TurnAsync(() => (_connection, _received, _stored) = (connection, start, confirmed), ct);
        _isLost = false;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var storing = StoreAtIntervalsAsync(over.Token);
        try
        {
            var log = connection.StartReplication(
                new PhysicalReplicationSlot(Slot), new NpgsqlLogSequenceNumber((ulong)start), ct, (uint)Timeline);
            await using var pieces = log.GetAsyncEnumerator(ct);
            while (true)
            {
                var next = pieces.MoveNextAsync();
                if (!next.IsCompleted)
                {
                    await GatherAsync(ct);
                }

                if (!await next)
                {
                    break;
                }

                await TakeAsync(pieces.Current, ct);
            }
        }
        finally
        {
            await TurnAsync(() => _connection = null, CancellationToken.None);
            await over.CancelAsync();
            await storing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>For a while, or until somebody waits for log. Never throws: what is next was asked for already.</summary>
    private async Task GatherAsync(CancellationToken ct)
    {
        var wanted = Volatile.Read(ref _wanted);
        if (_eager)
        {
            return;
        }

        await wanted.Task.WaitAsync(Gather, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (wanted.Task.IsCompleted)
        {
            Interlocked.Exchange(ref _wanted, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
    }

    private async Task TakeAsync(XLogDataMessage piece, CancellationToken ct)
    {
        var at = (long)(ulong)piece.WalStart;
        using var buffer = new MemoryStream();
        await piece.Data.CopyToAsync(buffer, ct);
        var bytes = buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
        while (bytes.Length > 0)
        {
            var within = (int)(at % ArchiveKeys.SegmentBytes);
            var count = Math.Min(bytes.Length, ArchiveKeys.SegmentBytes - within);
            var part = bytes[..count];
            await TurnAsync(
                () =>
                {
                    part.CopyTo(_segment.AsMemory(within));
                    Interlocked.Exchange(ref _received, at + count);
                },
                ct);
            (at, bytes) = (at + count, bytes[count..]);
            if (_eager || at % ArchiveKeys.SegmentBytes == 0)
            {
                await StoreReceivedAsync(ct);
            }
        }

        Interlocked.Exchange(ref _progress, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
    }

    private async Task StoreAtIntervalsAsync(CancellationToken ct)
    {
        using var timer = new PeriodicTimer(_interval);
        while (await timer.WaitForNextTickAsync(ct))
        {
            try
            {
                await StoreReceivedAsync(ct);
            }
            catch (Exception failed) when (failed is not OperationCanceledException)
            {
                LogLost(_log, _database.Id, failed.Message);
            }
        }
    }

    /// <summary>Stores the beginning of the present segment as far as it is there; when it is full, for the last time.</summary>
    private async Task StoreReceivedAsync(CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            if (_received <= _stored)
            {
                return;
            }

            var start = ArchiveKeys.SegmentStart(_received - 1);
            using var body = new MemoryStream(_segment, 0, (int)(_received - start), writable: false);
            var key = ArchiveKeys.SegmentOf(_database.Id, _database.Generation, Timeline, start);
            await _objects.PutAsync(ArchiveKeys.Bucket, key, body, ct);
            Interlocked.Exchange(ref _stored, _received);
            if (_connection is { } connection)
            {
                connection.SetReplicationStatus(new NpgsqlLogSequenceNumber((ulong)_stored));
                await connection.SendStatusUpdate(ct);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Up to where the log was confirmed, and the server keeps it from for us; the slot is made where it is not there.</summary>
    private async Task<long> FindStartAsync(CancellationToken ct)
    {
        await using var admin = await _connections.OpenAsync(_database, ct);
        await admin.ExecuteAsync(
            """
            SELECT pg_create_physical_replication_slot($1, true)
            WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)
            """,
            ct, Slot);
        return await admin.ScalarAsync<long>(
            "SELECT (restart_lsn - '0/0')::bigint FROM pg_replication_slots WHERE slot_name = $1", ct, Slot);
    }

    private async Task TurnAsync(Action act, CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            act();
        }
        finally
        {
            _turn.Release();
        }
    }

    [LoggerMessage(9001, LogLevel.Warning, "The log of {Database} is not being archived now, and is tried again: {Reason}")]
    private static partial void LogLost(ILogger log, DatabaseId database, string reason);
}
