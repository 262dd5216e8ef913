using System.Collections.Concurrent;
using Cloud.Compute.Host.Contracts;
using Cloud.Primitives;

namespace Cloud.Compute.Hosts;

/// <summary>What hosts know of their engines beyond whether they work, as they said last.</summary>
internal sealed class EngineExaminations(HostDirectory hosts, TimeProvider time)
{
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(5);

    /// <summary>How long an answer is kept: it changes once, when it is found out.</summary>
    private static readonly TimeSpan KeptFor = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<string, (DateTimeOffset At, IReadOnlyList<HostEngineDetail> Details)> _kept =
        new(StringComparer.Ordinal);

    /// <summary>By the names of the hosts that say.</summary>
    public async Task<IReadOnlyDictionary<string, IReadOnlyList<HostEngineDetail>>> ReadAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var known = hosts.Known;
        await Task.WhenAll(known.Where(host => !_kept.TryGetValue(host.Name, out var kept) || now - kept.At > KeptFor)
            .Select(host => AskAsync(host.Name, host.Agent, ct)));
        return known.Where(host => _kept.ContainsKey(host.Name)).ToDictionary(
            host => host.Name, host => _kept[host.Name].Details, StringComparer.Ordinal);
    }

    private async Task AskAsync(string name, IHostAgent agent, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(AnswerLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            _kept[name] = (time.GetUtcNow(), await agent.ExamineEnginesAsync(either.Token));
        }
        catch (CloudException)
        {
            _kept.TryRemove(name, out _);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            _kept.TryRemove(name, out _);
        }
    }
}
