namespace Cloud.Messaging;

/// <summary>The written record of a run's steps.</summary>
internal static class SagaSteps
{
    /// <summary>Changes the record of the step where the run stands.</summary>
    public static void Set(SagaRun run, Func<SagaStepRun, SagaStepRun> change)
    {
        var steps = run.Steps.ToArray();
        steps[run.Step] = change(steps[run.Step]);
        run.Steps = steps;
    }

    /// <summary>
    /// Fills the record of a new run. Where the program has changed since the run began, finds the step by its name, or goes on at the
    /// first one that is not done.
    /// </summary>
    public static void Align(SagaRun run, SagaWork work)
    {
        if (run.Steps.Select(step => step.Name).SequenceEqual(work.Steps.Select(step => step.Name)))
        {
            return;
        }

        var present = run.Step < run.Steps.Count ? run.Steps[run.Step].Name : null;
        run.Steps =
        [
            .. work.Steps.Select(
                step => run.Steps.FirstOrDefault(old => old.Name == step.Name) ?? new SagaStepRun(step.Name, SagaStepState.Pending)),
        ];
        var found = run.Steps.ToList().FindIndex(step => step.Name == present);
        if (found < 0)
        {
            found = run.State == SagaState.Running
                ? run.Steps.TakeWhile(step => step.State == SagaStepState.Done).Count()
                : run.Steps.Count - 1;
        }

        run.Step = found;
    }
}
