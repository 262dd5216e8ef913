using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Cloud.Messaging;

internal sealed record ReconcilerInterval(TimeSpan Every);

/// <summary>
/// Runs one reconciler: at the start, by the timer, and when woken. A round that fails is logged; the next one is the retry.
/// </summary>
internal sealed partial class ReconcilerLoop<TReconciler>(
    ReconcilerInterval interval, IServiceScopeFactory scopes, ReconcilerSignals signals, ILogger<TReconciler> log) : BackgroundService
    where TReconciler : class, IReconciler
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                await scope.ServiceProvider.GetRequiredService<TReconciler>().ReconcileAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                LogFailed(log, fault, typeof(TReconciler).Name);
            }

            await signals.WaitAsync(typeof(TReconciler), interval.Every, stoppingToken);
        }
    }

    [LoggerMessage(EventId = 230, Level = LogLevel.Warning, Message = "A round of {Reconciler} failed; the next one tries again")]
    private static partial void LogFailed(ILogger log, Exception exception, string reconciler);
}
