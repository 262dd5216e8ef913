using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Cloud.Messaging;

/// <summary>Registers the bus of a process and what each of its services does with it.</summary>
public static class CloudMessagingSetup
{
    /// <summary>
    /// Adds the bus: RabbitMQ where <c>Cloud:RabbitMq</c> is set, else one in memory among the services of this process. Safe to call
    /// again. A health check named <c>bus</c> tells whether it works.
    /// </summary>
    public static IHostApplicationBuilder AddCloudMessaging(this IHostApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        if (services.Any(service => service.ServiceType == typeof(IMessageBus)))
        {
            return builder;
        }

        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<ChangeSignals>();
        services.TryAddSingleton<ReconcilerSignals>();
        services.AddOptions<MessagingOptions>().BindConfiguration("Cloud:Messaging").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<IInterceptor, CommitSignals>();
        services.AddSingleton(provider => new DeadLetters(provider.GetServices<IDeadLetterBox>()));
        if (builder.Configuration["Cloud:RabbitMq"] is { Length: > 0 } uri)
        {
            services.AddRabbitMqBus(new Uri(uri));
        }
        else
        {
            services.AddMemoryBus();
        }

        return builder;
    }

    /// <summary>Adds a service's outbox relay, inbox, sagas and reconcilers over its own database.</summary>
    /// <param name="service">The service's name; its queue's too.</param>
    public static IHostApplicationBuilder AddServiceMessaging<TContext>(
        this IHostApplicationBuilder builder, string service, Action<ServiceMessaging<TContext>> configure)
        where TContext : DbContext
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentException.ThrowIfNullOrEmpty(service);
        ArgumentNullException.ThrowIfNull(configure);
        builder.AddCloudMessaging();
        var services = builder.Services;
        var messaging = new ServiceMessaging<TContext>(service, services);
        services.AddSingleton<InboxStore<TContext>>();
        services.AddSingleton(provider => new ServiceRegistration<TContext>(
            service,
            messaging.Handlers,
            messaging.Sagas,
            provider.GetRequiredService<InboxStore<TContext>>(),
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ServiceRegistration>(provider => provider.GetRequiredService<ServiceRegistration<TContext>>());
        services.AddSingleton<IDeadLetterBox, DeadLetterBox<TContext>>();
        services.AddSingleton<SagaExecutor<TContext>>();
        services.AddHostedService<OutboxRelay<TContext>>();
        services.AddHostedService<InboxRunner<TContext>>();
        services.AddHostedService<SagaRunner<TContext>>();
        services.AddHostedService<MessagingSweeper<TContext>>();
        configure(messaging);
        return builder;
    }
}
