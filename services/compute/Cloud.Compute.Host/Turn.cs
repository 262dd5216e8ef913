namespace Cloud.Compute.Host;

/// <summary>The time in which one alone does something. Disposing ends it.</summary>
internal sealed class Turn : IDisposable
{
    private readonly SemaphoreSlim _one;

    private Turn(SemaphoreSlim one) => _one = one;

    /// <param name="one">Of which there is one.</param>
    /// <param name="ct">Ends the wait.</param>
    public static async Task<Turn> TakeAsync(SemaphoreSlim one, CancellationToken ct)
    {
        await one.WaitAsync(ct);
        return new Turn(one);
    }

    public void Dispose() => _one.Release();
}
