namespace Cloud.Switch.Ports;

/// <summary>Allows so much a second, and a burst of as much as was not used within one.</summary>
internal struct TokenBucket(int perSecond)
{
    private double _tokens = perSecond;
    private long _at;

    /// <summary>Takes one, where there is one.</summary>
    public bool TryTake(long nowMilliseconds)
    {
        _tokens = Math.Min(perSecond, _tokens + ((nowMilliseconds - _at) * perSecond / 1000.0));
        _at = nowMilliseconds;
        if (_tokens < 1)
        {
            return false;
        }

        _tokens--;
        return true;
    }
}
