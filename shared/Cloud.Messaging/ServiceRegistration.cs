using Microsoft.EntityFrameworkCore;

namespace Cloud.Messaging;

/// <summary>What one service of this process takes part in: its queue, and what wakes its loops.</summary>
internal abstract class ServiceRegistration(string name, Type context, TimeProvider time)
{
    /// <summary>The service's name: <c>compute</c>.</summary>
    public string Name => name;

    public Type Context => context;

    public WakeSignal OutboxSignal { get; } = new(time);

    public WakeSignal InboxSignal { get; } = new(time);

    /// <summary>Told of the key of every saga that is started in this process, after the commit.</summary>
    public event Action<string>? SagaStarted;

    /// <summary>The names of the messages that the service has a handler for.</summary>
    public abstract IReadOnlyCollection<string> MessageNames { get; }

    /// <summary>Keeps messages in the service's inbox; those that it has already, or has no handler for, are left out.</summary>
    public abstract Task StoreAsync(IReadOnlyList<BusMessage> messages, CancellationToken ct);

    public void StartSaga(string key) => SagaStarted?.Invoke(key);
}

internal sealed class ServiceRegistration<TContext>(
    string name,
    IReadOnlyDictionary<string, IReadOnlyList<HandlerDefinition<TContext>>> handlers,
    IReadOnlyDictionary<string, SagaDefinition> sagas,
    InboxStore<TContext> inbox,
    TimeProvider time)
    : ServiceRegistration(name, typeof(TContext), time)
    where TContext : DbContext
{
    public override IReadOnlyCollection<string> MessageNames { get; } = [.. handlers.Keys];

    public IReadOnlyDictionary<string, IReadOnlyList<HandlerDefinition<TContext>>> Handlers => handlers;

    public IReadOnlyDictionary<string, SagaDefinition> Sagas => sagas;

    public override async Task StoreAsync(IReadOnlyList<BusMessage> messages, CancellationToken ct)
    {
        var wanted = messages.Where(message => handlers.ContainsKey(message.Name)).ToList();
        if (wanted.Count > 0)
        {
            await inbox.StoreAsync(wanted, ct);
            InboxSignal.Set();
        }
    }
}
