using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Options;

namespace Cloud.Gateway.Limits;

/// <summary>The limits of every token, and of every address that calls without a valid one.</summary>
internal sealed class CallLimits(IOptions<GatewayOptions> options)
{
    /// <summary>
    /// With more addresses or tokens than this, all start anew: what a flood from many addresses may take is bounded, not its callers.
    /// </summary>
    private const int CountMax = 20_000;

    private readonly GatewayOptions _options = options.Value;
    private readonly ConcurrentDictionary<string, CallerLimits> _tokens = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<IPAddress, CallerLimits> _addresses = new();

    public CallerLimits OfToken(string tokenId) => Of(_tokens, tokenId, () => new CallerLimits(
        _options.CallsPerSecond, 2 * _options.CallsPerSecond, _options.ChangesPerSecond, 5 * _options.ChangesPerSecond,
        _options.StreamsPerToken));

    public CallerLimits OfAddress(IPAddress? address) => Of(_addresses, address ?? IPAddress.None, () => new CallerLimits(
        _options.AnonymousCallsPerSecond, 10 * _options.AnonymousCallsPerSecond, _options.AnonymousCallsPerSecond,
        10 * _options.AnonymousCallsPerSecond, 1));

    private static CallerLimits Of<TKey>(ConcurrentDictionary<TKey, CallerLimits> limits, TKey key, Func<CallerLimits> make)
        where TKey : notnull
    {
        if (limits.TryGetValue(key, out var known))
        {
            return known;
        }

        if (limits.Count >= CountMax)
        {
            limits.Clear();
        }

        return limits.GetOrAdd(key, _ => make());
    }
}
