using System.Collections.Concurrent;
using Cloud.ObjectStorage.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Index;

/// <summary>Lends open connections to those who read the index.</summary>
internal sealed class IndexReads(IDbContextFactory<ObjectStorageDbContext> databases) : IAsyncDisposable
{
    /// <summary>PostgreSQL gives a process and database 15 connections; the writer, requests of the API and messaging need
    /// theirs.</summary>
    private const int SessionsMax = 6;

    private readonly ConcurrentBag<IndexSession> _idle = [];
    private readonly SemaphoreSlim _turns = new(SessionsMax, SessionsMax);

    public async Task<T> ReadAsync<T>(Func<IndexSession, Task<T>> read, CancellationToken ct)
    {
        await _turns.WaitAsync(ct);
        try
        {
            var session = _idle.TryTake(out var kept) ? kept : await IndexSession.OpenAsync(databases, ct);
            var whole = false;
            try
            {
                var result = await read(session);
                whole = true;
                return result;
            }
            finally
            {
                if (whole)
                {
                    _idle.Add(session);
                }
                else
                {
                    // What is wrong with it, a new one does not have.
                    await session.DisposeAsync();
                }
            }
        }
        finally
        {
            _turns.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        while (_idle.TryTake(out var session))
        {
            await session.DisposeAsync();
        }

        _turns.Dispose();
    }
}
