using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Cloud.Messaging;

/// <summary>Says what a service handles, runs and repairs.</summary>
public sealed class ServiceMessaging<TContext>
    where TContext : DbContext
{
    private readonly Dictionary<string, IReadOnlyList<HandlerDefinition<TContext>>> _handlers = [];
    private readonly Dictionary<string, SagaDefinition> _sagas = [];

    internal ServiceMessaging(string service, IServiceCollection services)
    {
        Service = service;
        Services = services;
    }

    /// <summary>The service's name.</summary>
    public string Service { get; }

    public IServiceCollection Services { get; }

    internal IReadOnlyDictionary<string, IReadOnlyList<HandlerDefinition<TContext>>> Handlers => _handlers;

    internal IReadOnlyDictionary<string, SagaDefinition> Sagas => _sagas;

    /// <summary>
    /// Has every <typeparamref name="TMessage"/> that any service publishes handled here. Several handlers of one type run in one
    /// transaction.
    /// </summary>
    public ServiceMessaging<TContext> AddHandler<TMessage, THandler>()
        where TMessage : notnull
        where THandler : class, IMessageHandler<TContext, TMessage>
    {
        Services.TryAddScoped<THandler>();
        var name = StableNames.Of(typeof(TMessage));
        _handlers[name] = [.. _handlers.GetValueOrDefault(name, []), HandlerDefinition<TContext>.Of<TMessage, THandler>()];
        return this;
    }

    /// <summary>Lets the service start sagas of this type, and resumes those that are under way.</summary>
    public ServiceMessaging<TContext> AddSaga<TSaga, TData>()
        where TSaga : Saga<TData>
    {
        Services.TryAddScoped<TSaga>();
        _sagas.Add(StableNames.Of(typeof(TSaga)), new SagaDefinition<TSaga, TData>());
        return this;
    }

    /// <summary>Runs a reconciler at the start and then every so often, or when <see cref="ReconcilerSignals"/> wakes it.</summary>
    public ServiceMessaging<TContext> AddReconciler<TReconciler>(TimeSpan every)
        where TReconciler : class, IReconciler
    {
        Services.TryAddScoped<TReconciler>();
        Services.AddSingleton<IHostedService>(
            provider => ActivatorUtilities.CreateInstance<ReconcilerLoop<TReconciler>>(provider, new ReconcilerInterval(every)));
        return this;
    }
}
