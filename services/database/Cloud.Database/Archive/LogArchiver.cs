using System.Diagnostics;
using Cloud.Database.Databases;
using Cloud.Database.Persistence;
using Cloud.Database.Servers;
using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Npgsql.Replication;
using NpgsqlTypes;

namespace Cloud.Database.Archive;

/// <summary>
/// Stores one server's write-ahead log as it is written, with a slot of its own, so that the server keeps what is not stored yet, whatever
/// dies meanwhile. It confirms only what the object storage has acknowledged.
/// </summary>
/// <remarks>
/// A server at rest is followed, by the replication protocol. A busy one is asked for what is new: to be told of each commit as it comes
/// would cost it a tenth of its transactions, for nothing, as what is stored is whole pieces. One that stops is followed again, as it then
/// waits for its last to be confirmed.
/// </remarks>
internal sealed partial class LogArchiver : IAsyncDisposable
{
    private const string Slot = "cloud_archive";

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StoreLimit = TimeSpan.FromSeconds(30);

    /// <summary>How soon it asks again, where nobody waits for log.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>A server is busy that tells more often than this in a second, until it writes nothing for a while.</summary>
    private const int QuietPieces = 50;
    private static readonly TimeSpan QuietTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    /// <summary>How long a server that is to stop is waited for to be followed.</summary>
    private static readonly TimeSpan FollowLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FollowLook = TimeSpan.FromMilliseconds(10);

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
    private bool _isLost;

    // How the log comes changes in this lock: whoever is about to stop the server knows that it is followed.
    private readonly Lock _way = new();
    private volatile bool _eager;
    private bool _isBusy;
    private int _follower;

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

    /// <summary>
    /// From now on the server is followed, and every piece is stored as it comes: one that stops waits for its last to be confirmed.
    /// </summary>
    /// <returns>Whether it is followed: else what it still writes stays in its folder, and is stored when it runs again.</returns>
    public async Task<bool> HurryUpAsync(CancellationToken ct)
    {
        lock (_way)
        {
            _eager = true;
        }

        Volatile.Read(ref _wanted).TrySetResult();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct, _end.Token);
        limit.CancelAfter(FollowLimit);
        try
        {
            await using var admin = await _connections.OpenAsync(_database, limit.Token);
            while (await admin.ScalarAsync<int>("SELECT active_pid FROM pg_replication_slots WHERE slot_name = $1", limit.Token, Slot)
                is var process && (process == 0 || process != Volatile.Read(ref _follower)))
            {
                await Task.Delay(FollowLook, limit.Token);
            }

            return true;
        }
        catch (Exception away) when (away is NpgsqlException or CloudException || !ct.IsCancellationRequested)
        {
            return false;
        }
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
                await (_isBusy && !_eager ? AskAsync(_end.Token) : FollowAsync(_end.Token));
                continue;
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

    /// <summary>Asks for what is new, until the server is at rest or is to be followed for another reason.</summary>
    private async Task AskAsync(CancellationToken ct)
    {
        var confirmed = await FindStartAsync(ct);
        var start = ArchiveKeys.SegmentStart(confirmed);
        await using var admin = await _connections.OpenAsync(_database, ct);
        Timeline = await admin.TimelineAsync(ct);
        await TurnAsync(() => (_received, _stored) = (start, Math.Max(_stored, confirmed)), ct);
        _isLost = false;
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var storing = StoreAtIntervalsAsync(over.Token);
        try
        {
            var last = Stopwatch.GetTimestamp();
            while (_isBusy && !_eager)
            {
                var wanted = Volatile.Read(ref _wanted);
                if (await TakeNewAsync(admin, ct))
                {
                    last = Stopwatch.GetTimestamp();
                }

                var stored = Interlocked.Read(ref _stored);
                if (stored > confirmed && await ConfirmAsync(admin, stored, ct))
                {
                    confirmed = stored;
                }

                _isBusy = Stopwatch.GetElapsedTime(last) < QuietTime;
                await wanted.Task.WaitAsync(Pause, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (wanted.Task.IsCompleted && !_eager)
                {
                    Interlocked.Exchange(ref _wanted, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
                }

                ct.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            await over.CancelAsync();
            await storing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Has the server let go of log; false while who followed it still has the slot.</summary>
    private static async Task<bool> ConfirmAsync(NpgsqlConnection admin, long position, CancellationToken ct)
    {
        try
        {
            await admin.ExecuteAsync("SELECT pg_replication_slot_advance($1, '0/0'::pg_lsn + $2)", ct, Slot, (decimal)position);
            return true;
        }
        catch (PostgresException held) when (held.SqlState == PostgresErrorCodes.ObjectInUse)
        {
            return false;
        }
    }

    /// <summary>Takes all that the server has flushed; false where there is nothing new.</summary>
    private async Task<bool> TakeNewAsync(NpgsqlConnection admin, CancellationToken ct)
    {
        var isNew = false;
        while (true)
        {
            var at = Interlocked.Read(ref _received);
            var start = ArchiveKeys.SegmentStart(at);
            var piece = await admin.ReadLogAsync(ArchiveKeys.SegmentName(Timeline, at), at, start + ArchiveKeys.SegmentBytes - at, ct);
            if (piece.Length == 0)
            {
                return isNew;
            }

            isNew = true;
            await TakeAsync(at, piece, ct);
        }
    }

    /// <summary>Takes what the server sends, until that is too much of it, one by one.</summary>
    private async Task FollowAsync(CancellationToken ct)
    {
        var confirmed = await FindStartAsync(ct);
        var start = ArchiveKeys.SegmentStart(confirmed);
        await using var connection = new PhysicalReplicationConnection(_connections.ReplicationText(_database));
        await connection.Open(ct);
        Timeline = (int)(await connection.IdentifySystem(ct)).Timeline;
        await TurnAsync(() => (_connection, _received, _stored) = (connection, start, Math.Max(_stored, confirmed)), ct);
        _isLost = false;
        Volatile.Write(ref _follower, connection.ProcessID);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var storing = StoreAtIntervalsAsync(over.Token);
        var (pieces, began, isLeft) = (0, Stopwatch.GetTimestamp(), false);
        try
        {
            var log = connection.StartReplication(
                new PhysicalReplicationSlot(Slot), new NpgsqlLogSequenceNumber((ulong)start), ct, (uint)Timeline);
            await foreach (var piece in log)
            {
                using var buffer = new MemoryStream();
                await piece.Data.CopyToAsync(buffer, ct);
                await TakeAsync((long)(ulong)piece.WalStart, buffer.GetBuffer().AsMemory(0, (int)buffer.Length), ct);
                if (Stopwatch.GetElapsedTime(began) > Second)
                {
                    (pieces, began) = (0, Stopwatch.GetTimestamp());
                }

                isLeft = ++pieces > QuietPieces && Leaves();
                if (isLeft)
                {
                    break;
                }
            }
        }
        catch (Exception) when (isLeft)
        {
            // However the connection ends in the middle of a stream.
        }
        finally
        {
            Volatile.Write(ref _follower, 0);
            await TurnAsync(() => _connection = null, CancellationToken.None);
            await over.CancelAsync();
            await storing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Whether a busy server is not followed any more: not where that is about to stop.</summary>
    private bool Leaves()
    {
        lock (_way)
        {
            _isBusy = !_eager;
            Volatile.Write(ref _follower, _isBusy ? 0 : _follower);
            return _isBusy;
        }
    }

    private async Task TakeAsync(long at, ReadOnlyMemory<byte> bytes, CancellationToken ct)
    {
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
