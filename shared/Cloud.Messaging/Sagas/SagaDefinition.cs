using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Messaging;

/// <summary>How the runner reaches a saga of any type.</summary>
internal abstract class SagaDefinition
{
    /// <summary>Makes the saga from a scope's services.</summary>
    public abstract SagaWork Open(IServiceProvider scope, string data);
}

/// <summary>A saga with its data, as the runner sees it.</summary>
internal sealed record SagaWork(IReadOnlyList<SagaWorkStep> Steps, Func<string, CancellationToken, Task> FailedAsync);

internal sealed record SagaWorkStep(
    string Name, TimeSpan Limit, bool HasUndo, bool IsBrief, Func<CancellationToken, Task<StepResult>> DoAsync,
    Func<CancellationToken, Task<StepResult>> UndoAsync);

internal sealed class SagaDefinition<TSaga, TData> : SagaDefinition
    where TSaga : Saga<TData>
{
    public override SagaWork Open(IServiceProvider scope, string data)
    {
        var saga = scope.GetRequiredService<TSaga>();
        var read = JsonSerializer.Deserialize<TData>(data, MessageJson.Options)!;
        var steps = saga.Steps.Select(step => new SagaWorkStep(
            step.Name, step.Limit, step.HasUndo, step.IsBrief, ct => step.DoAsync(read, ct), ct => step.UndoAsync(read, ct)));
        return new SagaWork([.. steps], (reason, ct) => saga.FailedAsync(read, reason, ct));
    }
}
