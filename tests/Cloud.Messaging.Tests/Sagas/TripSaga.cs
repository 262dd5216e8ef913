using Cloud.Messaging.Tests.Kit;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Messaging.Tests.Sagas;

public sealed record TripData(string Trip);

/// <summary>A saga whose steps do what a test's script says.</summary>
[MessageName("trip")]
internal sealed class TripSaga(TripScript script) : Saga<TripData>
{
    public override IReadOnlyList<SagaStep<TripData>> Steps =>
    [
        Step("book-flight"),
        Step("book-hotel"),
        new("pay", (data, ct) => script.ActAsync("do:pay", data, ct), limit: script.PayLimit, isBrief: script.PayIsBrief),
    ];

    public override Task FailedAsync(TripData data, string reason, CancellationToken ct)
    {
        script.Reason = reason;
        return script.ActAsync("failed", data, ct);
    }

    private SagaStep<TripData> Step(string name) =>
        new(name, (data, ct) => script.ActAsync($"do:{name}", data, ct), (data, ct) => script.ActAsync($"undo:{name}", data, ct));
}

internal sealed class TripScript
{
    /// <summary>What is done at <c>do:STEP</c>, <c>undo:STEP</c> and <c>failed</c>.</summary>
    public Func<string, TripData, CancellationToken, Task<StepResult>> ActAsync { get; set; } = (_, _, _) =>
        Task.FromResult(StepResult.Done);

    public TimeSpan? PayLimit { get; set; }

    public bool PayIsBrief { get; set; }

    public string? Reason { get; set; }
}

/// <summary>What the steps leave in the database: a row while something is booked, and one for the word that it failed.</summary>
internal static class TripEffects
{
    public static async Task ApplyAsync(IDbContextFactory<SourceDb> databases, string act, TripData data, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var (verb, step) = act.Split(':') is [var one, var two] ? (one, two) : (act, act);
        var key = $"{data.Trip}/{step}";
        var effect = await db.Effects.SingleOrDefaultAsync(row => row.Key == key, ct);
        if (verb == "undo" && effect is not null)
        {
            db.Effects.Remove(effect);
        }
        else if (verb != "undo" && effect is null)
        {
            db.Effects.Add(new Effect { Key = key, Number = 1 });
        }

        await db.SaveChangesAsync(ct);
    }
}
