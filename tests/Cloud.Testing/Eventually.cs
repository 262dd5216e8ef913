namespace Cloud.Testing;

/// <summary>Waits for what comes by itself.</summary>
public static class Eventually
{
    /// <summary>Long enough for a busy machine: no test passes or fails by it but one that waits in vain.</summary>
    private static readonly TimeSpan LimitDefault = TimeSpan.FromMinutes(3);

    /// <summary>Asks until it holds.</summary>
    /// <exception cref="TimeoutException">It did not within the limit.</exception>
    public static async Task HoldsAsync(Func<Task<bool>> ask, string what, TimeSpan? limit = null)
    {
        ArgumentNullException.ThrowIfNull(ask);
        using var end = new CancellationTokenSource(limit ?? LimitDefault);
        while (!await ask())
        {
            if (end.IsCancellationRequested)
            {
                throw new TimeoutException($"In vain: {what}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }
    }

    public static Task HoldsAsync(Func<bool> ask, string what, TimeSpan? limit = null) =>
        HoldsAsync(() => Task.FromResult(ask()), what, limit);
}
