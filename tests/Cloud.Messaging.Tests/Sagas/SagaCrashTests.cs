using System.Globalization;
using Cloud.Messaging.Tests.Crashes;
using Cloud.Messaging.Tests.Kit;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Messaging.Tests.Sagas;

/// <summary>
/// A saga's process is killed at every step, before or after it took effect; the next process ends what it began. Which of the two is
/// drawn for each step by <c>CLOUD_TEST_SEED</c>; <c>CLOUD_TEST_ROUNDS</c> above 1 takes both.
/// </summary>
public sealed class SagaCrashTests(Servers servers, ITestOutputHelper output) : ServiceTest(servers)
{
    private const int Killed = 137;

    private static readonly string[] Moments = ["before", "after"];

    private Random? _chance;

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Saga_KilledAtAnyStep_IsDoneByTheNextProcess(Profile profile)
    {
        foreach (var step in new[] { "book-flight", "book-hotel", "pay" })
        {
            foreach (var moment in MomentsToTry())
            {
                var (run, effects) = await CrashAndResumeAsync(profile, $"do:{step}:{moment}", refuseAt: null);
                run.State.ShouldBe(SagaState.Done);
                run.Steps.Single(one => one.Name == step).Attempts.ShouldBeGreaterThan(1);
                effects.ShouldBe(["trip-1/book-flight", "trip-1/book-hotel", "trip-1/pay"], $"killed {moment} {step}");
            }
        }
    }

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Saga_KilledWhileItIsUndone_IsUndoneByTheNextProcess(Profile profile)
    {
        foreach (var act in new[] { "undo:book-hotel", "undo:book-flight", "failed" })
        {
            foreach (var moment in MomentsToTry())
            {
                var (run, effects) = await CrashAndResumeAsync(profile, $"{act}:{moment}", refuseAt: "pay");
                run.State.ShouldBe(SagaState.Failed);
                run.Reason.ShouldBe("This number is refused.");
                effects.ShouldBe(["trip-1/failed"], $"killed {moment} {act}");
            }
        }
    }

    private string[] MomentsToTry()
    {
        if ((Number("CLOUD_TEST_ROUNDS") ?? 1) > 1)
        {
            return Moments;
        }

        if (_chance is null)
        {
            var seed = Number("CLOUD_TEST_SEED") ?? Environment.TickCount;
            output.WriteLine($"CLOUD_TEST_SEED={seed}");
            _chance = new Random(seed);
        }

        return [Moments[_chance.Next(Moments.Length)]];
    }

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : null;

    private async Task<(SagaRun Run, IReadOnlyList<string> Effects)> CrashAndResumeAsync(Profile profile, string crashAt, string? refuseAt)
    {
        var task = new WorkerTask(await SettingsAsync(profile), WorkerRole.Saga, CrashAt: crashAt, RefuseAt: refuseAt);
        await using (var first = await WorkerProcess.StartAsync(task))
        {
            (await first.EndAsync()).ShouldBe(Killed);
        }

        await using (var second = await WorkerProcess.StartAsync(task))
        {
            (await second.EndAsync()).ShouldBe(0);
        }

        await using var node = await TestNode.StartAsync(task.Node, sink: false);
        await using var db = await node.SourceAsync();
        var effects = await db.Effects.AsNoTracking().OrderBy(effect => effect.Key).Select(effect => effect.Key).ToListAsync();
        return (await db.Set<SagaRun>().AsNoTracking().SingleAsync(), effects);
    }
}
