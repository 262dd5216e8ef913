using System.Data.Common;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Messaging;

/// <summary>Tells the relay, the saga runner and those who wait for a resource what was committed, right after the commit.</summary>
internal sealed class CommitSignals(IServiceProvider services, ChangeSignals changes) : ISaveChangesInterceptor, IDbTransactionInterceptor
{
    // Contexts are pooled, so what is told of one is kept beside it.
    private readonly ConditionalWeakTable<DbContext, Told> _told = [];

    // The registrations need the database, whose options need this: they are looked up at the first commit.
    private readonly Lazy<Dictionary<Type, ServiceRegistration>> _registrations =
        new(() => services.GetServices<ServiceRegistration>().ToDictionary(one => one.Context));

    public InterceptionResult<int> SavingChanges(DbContextEventData eventData, InterceptionResult<int> result)
    {
        Collect(eventData.Context!);
        return result;
    }

    public ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        Collect(eventData.Context!);
        return ValueTask.FromResult(result);
    }

    public int SavedChanges(SaveChangesCompletedEventData eventData, int result)
    {
        Saved(eventData.Context!);
        return result;
    }

    public ValueTask<int> SavedChangesAsync(
        SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default)
    {
        Saved(eventData.Context!);
        return ValueTask.FromResult(result);
    }

    public DbTransaction TransactionStarted(DbConnection connection, TransactionEndEventData eventData, DbTransaction result)
    {
        Begin(eventData.Context);
        return result;
    }

    public ValueTask<DbTransaction> TransactionStartedAsync(
        DbConnection connection, TransactionEndEventData eventData, DbTransaction result, CancellationToken cancellationToken = default)
    {
        Begin(eventData.Context);
        return ValueTask.FromResult(result);
    }

    public void TransactionCommitted(DbTransaction transaction, TransactionEndEventData eventData) => Committed(eventData.Context);

    public Task TransactionCommittedAsync(
        DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Committed(eventData.Context);
        return Task.CompletedTask;
    }

    private void Collect(DbContext context)
    {
        if (!_registrations.Value.ContainsKey(context.GetType()))
        {
            return;
        }

        var told = _told.GetOrCreateValue(context);
        told.Saving.Clear();
        foreach (var entry in context.ChangeTracker.Entries().Where(entry => entry.State == EntityState.Added))
        {
            if (entry.Entity is OutboxMessage or SagaRun)
            {
                told.Saving.Add(entry.Entity);
            }
        }
    }

    private void Saved(DbContext context)
    {
        if (!_told.TryGetValue(context, out var told))
        {
            return;
        }

        told.Saved.AddRange(told.Saving);
        told.Saving.Clear();
        if (context.Database.CurrentTransaction is null)
        {
            Tell(context, told);
        }
    }

    /// <summary>What was saved in a transaction that was never committed is forgotten at the latest when the next one begins.</summary>
    private void Begin(DbContext? context)
    {
        if (context is not null && _told.TryGetValue(context, out var told))
        {
            told.Saved.Clear();
        }
    }

    private void Committed(DbContext? context)
    {
        if (context is not null && _told.TryGetValue(context, out var told))
        {
            Tell(context, told);
        }
    }

    private void Tell(DbContext context, Told told)
    {
        if (told.Saved.Count == 0)
        {
            return;
        }

        var service = _registrations.Value[context.GetType()];
        var saved = told.Saved.ToList();
        told.Saved.Clear();
        foreach (var row in saved)
        {
            if (row is OutboxMessage { Resource: { } resource })
            {
                changes.Changed(resource);
            }
            else if (row is SagaRun run)
            {
                service.StartSaga(run.Key);
            }
        }

        if (saved.Exists(row => row is OutboxMessage))
        {
            service.OutboxSignal.Set();
        }
    }

    private sealed class Told
    {
        public List<object> Saving { get; } = [];

        public List<object> Saved { get; } = [];
    }
}
