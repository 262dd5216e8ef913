using Cloud.Messaging;
using Cloud.Primitives;
using Xunit;

namespace Cloud.Testing.Sagas;

/// <summary>What every saga must stand. A saga's tests derive from it and say what its world is.</summary>
public abstract class SagaContract<TData>
{
    private static readonly TimeSpan AgainMax = TimeSpan.FromMilliseconds(20);

    private static readonly TimeSpan StepLimit = TimeSpan.FromSeconds(30);

    /// <summary>A new world for one run of the saga.</summary>
    protected abstract Task<SagaTrial<TData>> ArrangeAsync();

    [Fact]
    public async Task EachStep_ThatFailsOnceAfterItTookEffect_IsTriedAgainAndTheSagaIsDone()
    {
        for (var at = 0; at < await CountStepsAsync(); at++)
        {
            await using var trial = await ArrangeAsync();
            foreach (var (index, step) in Enumerate(trial))
            {
                await DoAsync(step, trial.Data);
                if (index == at)
                {
                    // The answer was lost: the saga does not know that it took effect.
                    await DoAsync(step, trial.Data);
                }
            }

            await NamedAsync(trial.AssertDoneAsync, trial, at, "ran twice");
        }
    }

    [Fact]
    public async Task EachStep_ThatIsRefused_LeavesNothingAndTheSagaFails()
    {
        for (var at = 0; at < await CountStepsAsync(); at++)
        {
            foreach (var afterwards in new[] { false, true })
            {
                await using var trial = await ArrangeAsync();
                await RunUntilRefusedAsync(trial, at, afterwards, undoTimes: 1);
                await NamedAsync(trial.AssertUndoneAsync, trial, at, afterwards ? "was refused after it took effect" : "was refused");
            }
        }
    }

    [Fact]
    public async Task EachStep_ThatRunsTwice_HasTheOutcomeOfOnce()
    {
        await using var trial = await ArrangeAsync();
        foreach (var (_, step) in Enumerate(trial))
        {
            await DoAsync(step, trial.Data);
            await DoAsync(step, trial.Data);
        }

        await trial.AssertDoneAsync();
    }

    [Fact]
    public async Task EachUndo_ThatRunsTwice_HasTheOutcomeOfOnce()
    {
        for (var at = 0; at < await CountStepsAsync(); at++)
        {
            await using var trial = await ArrangeAsync();
            await RunUntilRefusedAsync(trial, at, afterwards: true, undoTimes: 2);
            await NamedAsync(trial.AssertUndoneAsync, trial, at, "was refused and all undone twice");
        }
    }

    private async Task<int> CountStepsAsync()
    {
        await using var trial = await ArrangeAsync();
        return trial.Saga.Steps.Count;
    }

    /// <summary>
    /// Runs the steps up to one that is refused, before or after it took effect, then all undos, the refused step's included, as the runner
    /// does.
    /// </summary>
    private static async Task RunUntilRefusedAsync(SagaTrial<TData> trial, int refused, bool afterwards, int undoTimes)
    {
        foreach (var (index, step) in Enumerate(trial).Take(refused + 1))
        {
            if (index < refused || afterwards)
            {
                await DoAsync(step, trial.Data);
            }
        }

        for (var index = refused; index >= 0; index--)
        {
            for (var times = 0; times < undoTimes; times++)
            {
                var undone = trial.Saga.Steps[index];
                await UntilDoneAsync(undone.Name, ct => undone.UndoAsync(trial.Data, ct));
            }
        }

        for (var times = 0; times < undoTimes; times++)
        {
            await trial.Saga.FailedAsync(trial.Data, "A step was refused.", CancellationToken.None);
        }
    }

    // Each step from a saga made anew, as the runner has it.
    private static IEnumerable<(int Index, SagaStep<TData> Step)> Enumerate(SagaTrial<TData> trial)
    {
        var count = trial.Saga.Steps.Count;
        for (var index = 0; index < count; index++)
        {
            yield return (index, trial.Saga.Steps[index]);
        }
    }

    private static Task DoAsync(SagaStep<TData> step, TData data) => UntilDoneAsync(step.Name, ct => step.DoAsync(data, ct));

    private static async Task UntilDoneAsync(string name, Func<CancellationToken, Task<StepResult>> act)
    {
        using var limit = new CancellationTokenSource(StepLimit);
        while (true)
        {
            try
            {
                if ((await act(limit.Token)).Delay is not { } delay)
                {
                    return;
                }

                await Task.Delay(delay < AgainMax ? delay : AgainMax, limit.Token);
            }
            catch (CloudException busy) when (busy.Kind is ErrorKind.Unavailable or ErrorKind.Throttled)
            {
                await Task.Delay(AgainMax, limit.Token);
            }
            catch (OperationCanceledException) when (limit.IsCancellationRequested)
            {
                throw new TimeoutException($"The step '{name}' was not done within {StepLimit.TotalSeconds} s.");
            }
        }
    }

    private static async Task NamedAsync(Func<Task> assert, SagaTrial<TData> trial, int at, string how)
    {
        try
        {
            await assert();
        }
        catch (Exception wrong)
        {
            throw new InvalidOperationException($"After the step '{trial.Saga.Steps[at].Name}' {how}: {wrong.Message}", wrong);
        }
    }
}
