namespace Cloud.Messaging;

/// <summary>
/// One action of a saga and its reversal. Both can run twice with the outcome of once; an undo may also meet a step half done.
/// </summary>
/// <param name="name">Kebab-case, stable: a saga under way is resumed at the step of this name.</param>
/// <param name="doAsync">The action.</param>
/// <param name="undoAsync">Its reversal; null where there is nothing to reverse. It too may answer <see cref="StepResult.Again"/>.</param>
/// <param name="limit">How long it is tried, waiting included, until the saga is undone; 2 minutes if left out.</param>
/// <param name="isBrief">
/// It most often ends at once: that it is tried is written down only where it does not. So after a crash the step before it may run again
/// though this one has begun; none with an undo can be brief.
/// </param>
public sealed class SagaStep<TData>(
    string name, Func<TData, CancellationToken, Task<StepResult>> doAsync, Func<TData, CancellationToken, Task>? undoAsync = null,
    TimeSpan? limit = null, bool isBrief = false)
{
    public static readonly TimeSpan LimitDefault = TimeSpan.FromMinutes(2);

    public string Name => name;

    public TimeSpan Limit => limit ?? LimitDefault;

    public bool HasUndo => undoAsync is not null;

    public bool IsBrief => isBrief && !HasUndo;

    public Task<StepResult> DoAsync(TData data, CancellationToken ct) => doAsync(data, ct);

    public async Task<StepResult> UndoAsync(TData data, CancellationToken ct)
    {
        var undoing = undoAsync?.Invoke(data, ct) ?? Task.CompletedTask;
        if (undoing is Task<StepResult> answering)
        {
            return await answering;
        }

        await undoing;
        return StepResult.Done;
    }
}
