using System.Diagnostics;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;

namespace Cloud.Messaging;

/// <summary>The sagas of a service's database.</summary>
public readonly record struct Sagas
{
    private readonly DbContext _db;

    internal Sagas(DbContext db) => _db = db;

    /// <summary>
    /// Starts a saga with the context's next save. One of the same key that is still under way ends at the end of its present step, without
    /// undo, and this one starts after it.
    /// </summary>
    /// <param name="key">The id of the resource it works on.</param>
    public void Start<TSaga, TData>(TData data, string key)
        where TSaga : Saga<TData>
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        _db.Set<SagaRun>().Add(SagaRun.Start(
            StableNames.Of(typeof(TSaga)),
            key,
            JsonSerializer.Serialize(data, MessageJson.Options),
            Activity.Current?.Id,
            _db.GetService<TimeProvider>().GetUtcNow()));
    }

    /// <summary>The latest sagas of a key, the newest first.</summary>
    public async Task<IReadOnlyList<SagaTimeline>> ListAsync(string key, int limit, CancellationToken ct)
    {
        var runs = await _db.Set<SagaRun>().AsNoTracking().Where(run => run.Key == key)
            .OrderByDescending(run => run.Position).Take(limit).ToListAsync(ct);
        return runs.ConvertAll(run => new SagaTimeline(
            run.Id,
            run.Saga,
            run.Key,
            run.State,
            run.Reason,
            run.Steps,
            run.CreatedAt,
            run.EndedAt,
            ActivityContext.TryParse(run.TraceParent, null, out var trace) ? trace.TraceId.ToString() : null));
    }
}
