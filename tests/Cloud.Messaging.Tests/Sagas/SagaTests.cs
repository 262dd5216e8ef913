using Cloud.Messaging.Tests.Crashes;
using Cloud.Messaging.Tests.Kit;
using Cloud.Primitives;
using Cloud.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Messaging.Tests.Sagas;

public sealed class SagaTests(Servers servers) : ServiceTest(servers)
{
    private readonly TripScript _script = new();
    private readonly List<string> _acts = [];

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Steps_RunInOrder_AndTheTimelineShowsThem(Profile profile)
    {
        await using var node = await StartAsync(profile);
        Script(_ => StepResult.Done);

        var trip = await RunAsync(node);

        trip.State.ShouldBe(SagaState.Done);
        trip.Saga.ShouldBe("trip");
        Acts().ShouldBe(["do:book-flight", "do:book-hotel", "do:pay"]);
        trip.Steps.Select(step => (step.Name, step.State, step.Attempts)).ShouldBe(
            [("book-flight", SagaStepState.Done, 1), ("book-hotel", SagaStepState.Done, 1), ("pay", SagaStepState.Done, 1)]);
        trip.Steps.ShouldAllBe(step => step.StartedAt <= step.EndedAt);
        trip.EndedAt.ShouldNotBeNull();
    }

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Step_ThatIsRefused_HasAllUndoneInReverse(Profile profile)
    {
        await using var node = await StartAsync(profile);
        Script(act => act == "do:book-hotel" ? throw CloudException.Conflict("full", "The hotel is full.") : StepResult.Done);

        var trip = await RunAsync(node);

        trip.State.ShouldBe(SagaState.Failed);
        trip.Reason.ShouldBe("The hotel is full.");
        _script.Reason.ShouldBe("The hotel is full.");
        Acts().ShouldBe(["do:book-flight", "do:book-hotel", "undo:book-hotel", "undo:book-flight", "failed"]);
        trip.Steps.Select(step => step.State).ShouldBe([SagaStepState.Undone, SagaStepState.Undone, SagaStepState.Pending]);
        trip.Steps[1].LastError.ShouldNotBeNull().ShouldContain("The hotel is full.");
    }

    [Fact]
    public async Task Step_ThatFails_IsTriedAgainUntilItSucceeds()
    {
        await using var node = await StartAsync(Profile.Local);
        var tries = 0;
        Script(act => act == "do:book-hotel" && ++tries < 4
            ? throw (tries == 2 ? new CloudException(ErrorKind.Unavailable, "away", "Try later.") : new IOException("It broke."))
            : StepResult.Done);

        var trip = await RunAsync(node);

        trip.State.ShouldBe(SagaState.Done);
        trip.Steps[1].Attempts.ShouldBe(4);
        trip.Steps[1].LastError.ShouldNotBeNull().ShouldContain("It broke.");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Step_OverItsLimit_HasAllUndone(bool waits)
    {
        await using var node = await StartAsync(Profile.Local);
        _script.PayLimit = TimeSpan.FromMilliseconds(400);
        _script.ActAsync = async (act, _, ct) =>
        {
            Note(act);
            if (act != "do:pay")
            {
                return StepResult.Done;
            }

            if (waits)
            {
                return StepResult.Again(TimeSpan.FromMilliseconds(50));
            }

            await Task.Delay(Timeout.Infinite, ct);
            return StepResult.Done;
        };

        var trip = await RunAsync(node);

        trip.State.ShouldBe(SagaState.Failed);
        trip.Reason.ShouldBe("The step 'pay' was not done within 0 s.");
        Acts().TakeLast(3).ShouldBe(["undo:book-hotel", "undo:book-flight", "failed"]);
    }

    [Fact]
    public async Task Undo_ThatFails_IsTriedAgain_AndOneThatIsRefusedIsLeftBehind()
    {
        await using var node = await StartAsync(Profile.Local);
        var undos = 0;
        Script(act => act switch
        {
            "do:pay" => throw CloudException.Conflict("poor", "No money."),
            "undo:book-hotel" when ++undos < 3 => throw new IOException("It broke."),
            "undo:book-flight" => throw CloudException.Conflict("gone", "The flight has left."),
            _ => StepResult.Done,
        });

        var trip = await RunAsync(node);

        trip.State.ShouldBe(SagaState.Failed);
        trip.Reason.ShouldBe("No money.");
        trip.Steps.Select(step => (step.State, step.UndoAttempts)).ShouldBe(
            [(SagaStepState.UndoFailed, 1), (SagaStepState.Undone, 3), (SagaStepState.Failed, 0)]);
        trip.Steps[0].LastError.ShouldNotBeNull().ShouldContain("The flight has left.");
    }

    [Fact]
    public async Task Step_ThatWaits_IsWokenByAChangeOfItsKey()
    {
        await using var node = await StartAsync(Profile.Local);
        var isThere = false;
        Script(act => act == "do:book-hotel" && !Volatile.Read(ref isThere) ? StepResult.Again(TimeSpan.FromHours(1)) : StepResult.Done);
        await StartTripAsync(node);
        await Eventually.HoldsAsync(() => Acts().Contains("do:book-hotel"), "the step waits");

        Volatile.Write(ref isThere, true);
        await Eventually.HoldsAsync(
            async () =>
            {
                node.Services.GetRequiredService<ChangeSignals>().Changed("trip-1");
                return (await TimelineAsync(node))[0].State == SagaState.Done;
            },
            "it goes on");
        (await TimelineAsync(node))[0].Steps[1].Attempts.ShouldBe(1, "waiting is no attempt");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Step_IsWrittenDownBeforeItIsTried_ABriefOneWhereItDoesNotEndAtOnce(bool isBrief)
    {
        await using var node = await StartAsync(Profile.Local);
        _script.PayIsBrief = isBrief;
        var seen = new List<(SagaStepState, SagaStepState)>();
        _script.ActAsync = async (act, _, _) =>
        {
            if (act != "do:pay")
            {
                return StepResult.Done;
            }

            var steps = (await TimelineAsync(node))[0].Steps;
            seen.Add((steps[1].State, steps[2].State));
            return seen.Count < 3 ? StepResult.Again(TimeSpan.FromMilliseconds(1)) : StepResult.Done;
        };

        var trip = await RunAsync(node);

        (SagaStepState, SagaStepState) written = (SagaStepState.Done, SagaStepState.Running);
        seen.ShouldBe([isBrief ? (SagaStepState.Running, SagaStepState.Pending) : written, written, written]);
        trip.Steps.ShouldAllBe(step => step.State == SagaStepState.Done && step.Attempts == 1);
    }

    [Theory]
    [InlineData(Profile.Local)]
    [InlineData(Profile.Distributed)]
    public async Task Saga_OfAKeyUnderWay_IsSupersededAtTheEndOfItsStep(Profile profile)
    {
        await using var node = await StartAsync(profile);
        var release = new TaskCompletionSource();
        _script.ActAsync = async (act, data, ct) =>
        {
            Note($"{act} {data.Trip}");
            if (act == "do:book-hotel" && data.Trip == "first")
            {
                await release.Task.WaitAsync(ct);
            }

            return StepResult.Done;
        };
        await StartTripAsync(node, "first");
        await Eventually.HoldsAsync(() => Acts().Contains("do:book-hotel first"), "the first is in its step");
        await StartTripAsync(node, "second");
        await StartTripAsync(node, "third");
        Acts().ShouldNotContain("do:book-flight third");

        release.SetResult();
        await Eventually.HoldsAsync(async () => (await TimelineAsync(node))[0].State == SagaState.Done, "the last is done");

        (await TimelineAsync(node)).Select(trip => trip.State).ShouldBe([SagaState.Done, SagaState.Superseded, SagaState.Superseded]);
        Acts().ShouldBe(["do:book-flight first", "do:book-hotel first", "do:book-flight third", "do:book-hotel third", "do:pay third"]);
    }

    [Fact]
    public async Task Saga_ThatWaits_IsSupersededAtOnce()
    {
        await using var node = await StartAsync(Profile.Local);
        _script.ActAsync = (act, data, _) => Task.FromResult(
            data.Trip == "first" ? StepResult.Again(TimeSpan.FromHours(1)) : StepResult.Done);
        await StartTripAsync(node, "first");
        await Eventually.HoldsAsync(async () => (await TimelineAsync(node))[0].Steps.Count > 0, "the first waits");

        await StartTripAsync(node, "second");

        await Eventually.HoldsAsync(async () => (await TimelineAsync(node))[0].State == SagaState.Done, "the second is done");
    }

    [Fact]
    public async Task Sagas_OfTwoReplicas_AreSharedAndEachRunsOnce()
    {
        var settings = await SettingsAsync(Profile.Distributed);
        await using var one = await StartAsync(settings);
        await using var other = await StartAsync(settings);
        _script.ActAsync = (act, data, _) =>
        {
            Note($"{act} {data.Trip}");
            return Task.FromResult(StepResult.Done);
        };
        for (var trip = 0; trip < 20; trip++)
        {
            await StartTripAsync(trip % 2 == 0 ? one : other, $"trip-{trip}", $"trip-{trip}");
        }

        await Eventually.HoldsAsync(() => Acts().Count(act => act.StartsWith("do:pay", StringComparison.Ordinal)) == 20, "all are done");
        Acts().Count.ShouldBe(60);
        Acts().Distinct().Count().ShouldBe(60, "no step ran twice");
    }

    [Fact]
    public async Task Saga_OfAReplicaThatStops_IsTakenOver()
    {
        var settings = await SettingsAsync(Profile.Distributed);
        var first = await StartAsync(settings);
        await using var second = await StartAsync(settings);
        Script(act => act == "do:book-hotel" ? StepResult.Again(TimeSpan.FromMilliseconds(100)) : StepResult.Done);
        await StartTripAsync(first);
        await Eventually.HoldsAsync(() => Acts().Contains("do:book-hotel"), "it is under way");

        await first.DisposeAsync();
        Script(_ => StepResult.Done);

        await Eventually.HoldsAsync(async () => (await TimelineAsync(second))[0].State == SagaState.Done, "the other one ends it");
    }

    private async Task<TestNode> StartAsync(Profile profile) => await StartAsync(await SettingsAsync(profile));

    private Task<TestNode> StartAsync(NodeSettings settings) => TestNode.StartAsync(
        settings,
        sink: false,
        configure: builder =>
        {
            builder.Services.AddSingleton(_script);
            Worker.QuickLeases(builder);
        },
        sourceMessaging: messaging => messaging.AddSaga<TripSaga, TripData>());

    private void Script(Func<string, StepResult> act) => _script.ActAsync = (what, _, _) =>
    {
        Note(what);
        return Task.FromResult(act(what));
    };

    private void Note(string act)
    {
        lock (_acts)
        {
            _acts.Add(act);
        }
    }

    private IReadOnlyList<string> Acts()
    {
        lock (_acts)
        {
            return [.. _acts];
        }
    }

    private static async Task StartTripAsync(TestNode node, string trip = "trip", string key = "trip-1")
    {
        await using var db = await node.SourceAsync();
        db.Sagas().Start<TripSaga, TripData>(new TripData(trip), key);
        await db.SaveChangesAsync();
    }

    private static async Task<IReadOnlyList<SagaTimeline>> TimelineAsync(TestNode node)
    {
        await using var db = await node.SourceAsync();
        return await db.Sagas().ListAsync("trip-1", 10, CancellationToken.None);
    }

    private static async Task<SagaTimeline> RunAsync(TestNode node)
    {
        await StartTripAsync(node);
        await Eventually.HoldsAsync(async () => (await TimelineAsync(node))[0].State >= SagaState.Done, "the saga ends");
        return (await TimelineAsync(node))[0];
    }
}
