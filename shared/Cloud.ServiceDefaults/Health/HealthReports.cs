using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Cloud.ServiceDefaults.Health;

/// <summary>How the process and each of its parts are.</summary>
/// <param name="Status"><c>ready</c>, or <c>not-ready</c> where a part is.</param>
/// <param name="Parts">By name: databases, the bus, services, hosts.</param>
public sealed record HealthView(string Status, IReadOnlyDictionary<string, HealthPart> Parts);

/// <summary>One part.</summary>
/// <param name="Status"><c>ready</c>, <c>degraded</c> or <c>not-ready</c>.</param>
/// <param name="Detail">What is wrong; null where nothing is.</param>
/// <param name="Parts">Where the part is a process of its own: its parts.</param>
public sealed record HealthPart(string Status, string? Detail, IReadOnlyDictionary<string, HealthPart>? Parts = null);

/// <summary>Asks all parts, once for all who ask at about the same time: nobody needs a token to ask.</summary>
public sealed class HealthReports(HealthCheckService checks, IHostApplicationLifetime lifetime, TimeProvider time) : IDisposable
{
    /// <summary>The word for all is well; also under <see cref="HealthCheckResult.Data"/>, the key of a part's own parts.</summary>
    public const string Ready = "ready";

    public const string NotReady = "not-ready";

    public const string PartsKey = "parts";

    private static readonly TimeSpan Freshness = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan AskLimit = TimeSpan.FromSeconds(4);

    private readonly SemaphoreSlim _asking = new(1, 1);
    private volatile Answer? _last;

    public async Task<HealthView> ReadAsync(CancellationToken ct)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return new HealthView(NotReady, new Dictionary<string, HealthPart> { ["process"] = new(NotReady, "It is stopping.") });
        }

        if (_last is { } fresh && time.GetElapsedTime(fresh.At) < Freshness)
        {
            return fresh.View;
        }

        await _asking.WaitAsync(ct);
        try
        {
            if (_last is { } other && time.GetElapsedTime(other.At) < Freshness)
            {
                return other.View;
            }

            var view = await AskAsync(ct);
            _last = new Answer(view, time.GetTimestamp());
            return view;
        }
        finally
        {
            _asking.Release();
        }
    }

    public void Dispose() => _asking.Dispose();

    private async Task<HealthView> AskAsync(CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(AskLimit, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        HealthReport report;
        try
        {
            report = await checks.CheckHealthAsync(stop.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return new HealthView(
                NotReady, new Dictionary<string, HealthPart> { ["process"] = new(NotReady, "A part did not answer in time.") });
        }

        // MassTransit adds a check of its own; the bus says the same under its own name.
        var parts = report.Entries.Where(entry => !entry.Key.StartsWith("masstransit", StringComparison.OrdinalIgnoreCase))
            .ToDictionary(entry => entry.Key, entry => ToPart(entry.Value), StringComparer.Ordinal);
        return new HealthView(report.Status == HealthStatus.Unhealthy ? NotReady : Ready, parts);
    }

    private static HealthPart ToPart(HealthReportEntry entry) => new(
        entry.Status switch
        {
            HealthStatus.Healthy => Ready,
            HealthStatus.Degraded => "degraded",
            _ => NotReady,
        },
        entry.Status == HealthStatus.Healthy ? null : entry.Description ?? "It does not answer.",
        entry.Data.TryGetValue(PartsKey, out var parts) ? parts as IReadOnlyDictionary<string, HealthPart> : null);

    private sealed record Answer(HealthView View, long At);
}
