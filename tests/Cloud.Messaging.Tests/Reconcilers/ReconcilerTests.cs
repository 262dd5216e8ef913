using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cloud.Messaging.Tests.Reconcilers;

public sealed class ReconcilerTests : IAsyncDisposable
{
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(10);

    private readonly Rounds _rounds = new();
    private readonly ReconcilerSignals _signals = new(TimeProvider.System);
    private readonly ServiceProvider _services;
    private ReconcilerLoop<Counter>? _loop;

    public ReconcilerTests() =>
        _services = new ServiceCollection().AddSingleton(_rounds).AddSingleton(_signals).AddScoped<Counter>().BuildServiceProvider();

    [Fact]
    public async Task Reconciler_RunsAgainByTheTimer_AlsoAfterARoundThatFailed()
    {
        _rounds.Fails = true;
        await StartAsync(Every);
        await _rounds.UntilAsync(5);
    }

    [Fact]
    public async Task Reconciler_ThatRests_RunsOnlyWhenWoken()
    {
        _rounds.Rests = true;
        await StartAsync(Every);
        await _rounds.UntilAsync(1);
        await Task.Delay(20 * Every);
        _rounds.Count.ShouldBe(1);

        _rounds.Rests = false;
        _signals.Wake<Counter>();
        await _rounds.UntilAsync(5);
    }

    [Fact]
    public async Task Wake_WhileItRuns_RunsItOnceMore_AlsoWhereItMeantToRest()
    {
        _rounds.Rests = true;
        _rounds.InRound = () =>
        {
            if (_rounds.Count == 1)
            {
                _signals.Wake<Counter>();
            }
        };
        await StartAsync(TimeSpan.FromMinutes(1));
        await _rounds.UntilAsync(2);
    }

    public async ValueTask DisposeAsync()
    {
        await (_loop?.StopAsync(CancellationToken.None) ?? Task.CompletedTask);
        await _services.DisposeAsync();
    }

    private Task StartAsync(TimeSpan every)
    {
        _loop = new ReconcilerLoop<Counter>(
            new ReconcilerInterval(every), _services.GetRequiredService<IServiceScopeFactory>(), _signals, NullLogger<Counter>.Instance);
        return _loop.StartAsync(TestContext.Current.CancellationToken);
    }

    internal sealed class Rounds
    {
        private volatile int _count;

        public int Count => _count;

        public bool Rests { get; set; }

        public bool Fails { get; set; }

        public Action InRound { get; set; } = () => { };

        public void Add()
        {
            Interlocked.Increment(ref _count);
            InRound();
        }

        public async Task UntilAsync(int count)
        {
            while (_count < count)
            {
                await Task.Delay(Every, TestContext.Current.CancellationToken);
            }
        }
    }

    internal sealed class Counter(Rounds rounds, ReconcilerSignals signals) : IReconciler
    {
        public Task ReconcileAsync(CancellationToken ct)
        {
            rounds.Add();
            if (rounds.Rests)
            {
                signals.RestUntilWoken<Counter>();
            }

            return rounds.Fails ? Task.FromException(new InvalidOperationException("A round failed.")) : Task.CompletedTask;
        }
    }
}
