using Cloud.Messaging.Tests.Kit;
using Cloud.Testing.Sagas;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Messaging.Tests.Sagas;

/// <summary>The contract that every saga's tests inherit, on the tests' own saga.</summary>
public sealed class TripSagaContractTests(Servers servers) : SagaContract<TripData>
{
    protected override async Task<SagaTrial<TripData>> ArrangeAsync()
    {
        var settings = await servers.OfAsync(Profile.Local);
        return new Trial(settings, await TestNode.StartAsync(settings, sink: false));
    }

    private sealed class Trial(NodeSettings settings, TestNode node) : SagaTrial<TripData>
    {
        public override Saga<TripData> Saga => new TripSaga(new TripScript
        {
            ActAsync = async (act, data, ct) =>
            {
                await TripEffects.ApplyAsync(node.Services.GetRequiredService<IDbContextFactory<SourceDb>>(), act, data, ct);
                return StepResult.Done;
            },
        });

        public override TripData Data => new("trip-1");

        public override async Task AssertDoneAsync() =>
            (await EffectsAsync()).ShouldBe(["trip-1/book-flight", "trip-1/book-hotel", "trip-1/pay"]);

        // Paying has no undo: the saga's last step, refused, did not take effect.
        public override async Task AssertUndoneAsync() =>
            (await EffectsAsync()).Where(key => key != "trip-1/pay").ShouldBe(["trip-1/failed"]);

        public override async ValueTask DisposeAsync()
        {
            await base.DisposeAsync();
            await node.DisposeAsync();
            Directory.Delete(settings.Data, recursive: true);
        }

        private async Task<List<string>> EffectsAsync()
        {
            await using var db = await node.SourceAsync();
            return await db.Effects.OrderBy(effect => effect.Key).Select(effect => effect.Key).ToListAsync();
        }
    }
}
