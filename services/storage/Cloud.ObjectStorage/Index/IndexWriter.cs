using System.Threading.Channels;
using Cloud.ObjectStorage.Persistence;
using Cloud.ObjectStorage.S3;
using Cloud.Persistence;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Index;

/// <summary>
/// Writes the index. What waits is carried out in one transaction: a commit costs a flush of the disk, whether it holds one object or a
/// hundred. A piece of work ends when it is committed.
/// </summary>
internal sealed partial class IndexWriter(
    IDbContextFactory<ObjectStorageDbContext> databases, TimeProvider time, ILogger<IndexWriter> log) : BackgroundService
{
    private const int BatchMax = 128;
    private const int WaitingMax = 4096;

    /// <summary>How often a batch of one is tried where another replica wrote the same key at the same moment.</summary>
    private const int TriesMax = 5;

    private readonly Channel<Work> _waiting = Channel.CreateBounded<Work>(new BoundedChannelOptions(WaitingMax) { SingleReader = true });
    private IndexSession? _session;

    /// <summary>
    /// Runs the work in a transaction and returns once it is committed. It may run again where the transaction failed, so it changes
    /// nothing
    /// but the database.
    /// </summary>
    public async Task<T> WriteAsync<T>(Func<IndexTransaction, Task<T>> work, CancellationToken ct)
    {
        var waiting = new Work<T>(work);
        await _waiting.Writer.WriteAsync(waiting, ct);

        // From here on it is carried out, whether its caller waits or not.
        return await waiting.Result;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        var batch = new List<Work>(BatchMax);
        try
        {
            while (await _waiting.Reader.WaitToReadAsync(stoppingToken))
            {
                batch.Clear();
                while (batch.Count < BatchMax && _waiting.Reader.TryRead(out var work))
                {
                    batch.Add(work);
                }

                await WriteAsync(batch);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The end of this service.
        }
        finally
        {
            _waiting.Writer.TryComplete();
            while (_waiting.Reader.TryRead(out var work))
            {
                work.Fail(new CloudException(ErrorKind.Unavailable, "service-unavailable", "The service is stopping."));
            }

            await CloseAsync();
        }
    }

    private async Task WriteAsync(List<Work> batch)
    {
        if (batch.Count > 1 && await TryWriteAsync(batch) is null)
        {
            return;
        }

        foreach (var work in batch)
        {
            Work[] alone = [work];
            var failure = await TryWriteAsync(alone);
            for (var tries = 1; failure is DbUpdateException taken && taken.IsUniqueViolation() && tries < TriesMax; tries++)
            {
                failure = await TryWriteAsync(alone);
            }

            if (failure is not null)
            {
                if (failure is not (S3Exception or CloudException))
                {
                    LogFailed(log, failure);
                }

                work.Fail(failure);
            }
        }
    }

    /// <returns>Null where all of it is committed, or was refused before it changed anything.</returns>
    private async Task<Exception?> TryWriteAsync(IReadOnlyList<Work> batch)
    {
        try
        {
            _session ??= await IndexSession.OpenAsync(databases, CancellationToken.None);
            await using var transaction = await _session.Db.Database.BeginTransactionAsync();
            var index = new IndexTransaction(_session, time);
            foreach (var work in batch)
            {
                await work.RunAsync(index);
            }

            await index.FlushAsync();
            await transaction.CommitAsync();
        }
        catch (Exception failed)
        {
            if (failed is not (S3Exception or CloudException))
            {
                await CloseAsync();
            }

            _session?.Db.ChangeTracker.Clear();
            return failed is System.Data.Common.DbException ? new DbUpdateException(failed.Message, failed) : failed;
        }

        _session.Db.ChangeTracker.Clear();
        foreach (var work in batch)
        {
            work.Complete();
        }

        return null;
    }

    private async Task CloseAsync()
    {
        if (_session is { } session)
        {
            _session = null;
            await session.DisposeAsync();
        }
    }

    [LoggerMessage(EventId = 7001, Level = LogLevel.Error, Message = "A write to the index failed")]
    private static partial void LogFailed(ILogger log, Exception failure);

    private abstract class Work
    {
        public abstract Task RunAsync(IndexTransaction index);

        public abstract void Complete();

        public abstract void Fail(Exception failure);
    }

    private sealed class Work<T>(Func<IndexTransaction, Task<T>> work) : Work
    {
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T? _result;
        private Exception? _refusal;

        public Task<T> Result => _done.Task;

        public override async Task RunAsync(IndexTransaction index)
        {
            _refusal = null;
            var writes = index.Writes;
            try
            {
                _result = await work(index);
            }
            catch (Exception refusal) when (refusal is S3Exception or CloudException && index.Writes == writes)
            {
                // It changed nothing: the others of the batch need not suffer.
                _refusal = refusal;
            }
        }

        public override void Complete()
        {
            if (_refusal is not null)
            {
                _done.TrySetException(_refusal);
            }
            else
            {
                _done.TrySetResult(_result!);
            }
        }

        public override void Fail(Exception failure) => _done.TrySetException(failure);
    }
}
