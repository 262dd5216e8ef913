using System.Diagnostics;
using System.Text.Json;
using Cloud.Messaging.Tests.Kit;
using Cloud.Messaging.Tests.Sagas;
using Cloud.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Cloud.Messaging.Tests.Crashes;

internal enum WorkerRole
{
    Publish,
    Handle,
    Saga,
}

/// <summary>What a process that is to be killed does.</summary>
/// <param name="CrashAt">For sagas: the act at which the process kills itself, the first time it comes there.</param>
/// <param name="RefuseAt">For sagas: the step that is refused.</param>
internal sealed record WorkerTask(NodeSettings Node, WorkerRole Role, int Seed = 0, string? CrashAt = null, string? RefuseAt = null);

/// <summary>The program of the processes that the tests kill.</summary>
internal static class Worker
{
    public const string Switch = "--worker";

    /// <summary>What it says when it is at work.</summary>
    public const string Ready = "ready";

    private const int Publishers = 4;

    public static async Task<int> RunAsync(string settings)
    {
        // The test's end of the pipe closes when the test is gone: nobody is left behind.
        _ = Task.Run(async () =>
        {
            await Console.In.ReadToEndAsync();
            Environment.Exit(1);
        });
        var task = JsonSerializer.Deserialize<WorkerTask>(settings)!;
        switch (task.Role)
        {
            case WorkerRole.Publish:
                await PublishAsync(task);
                break;
            case WorkerRole.Handle:
                await HandleAsync(task);
                break;
            default:
                await RunSagaAsync(task);
                break;
        }

        return 0;
    }

    /// <summary>Makes numbers for ever; every fifth is rolled back and made again.</summary>
    private static async Task PublishAsync(WorkerTask task)
    {
        await using var node = await TestNode.StartAsync(task.Node, sink: task.Node.RabbitMq is null);
        await node.MakeAsync("key-0", await NextNumberAsync(node, "key-0"));
        Console.WriteLine(Ready);
        await Task.WhenAll(Enumerable.Range(0, Publishers).Select(async publisher =>
        {
            var chance = new Random(task.Seed + publisher);
            var key = $"key-{publisher}";
            while (true)
            {
                await node.MakeAsync(key, await NextNumberAsync(node, key), commit: chance.Next(5) > 0);
            }
        }));
    }

    private static async Task HandleAsync(WorkerTask task)
    {
        await using var node = await TestNode.StartAsync(task.Node, source: false);
        var chance = new Random(task.Seed);
        node.Services.GetRequiredService<NumberTrouble>().BeforeEndAsync = (_, ct) => Task.Delay(chance.Next(20), ct);
        Console.WriteLine(Ready);
        await Task.Delay(Timeout.Infinite);
    }

    /// <summary>Starts the saga where it is not started, and runs until it has ended.</summary>
    private static async Task RunSagaAsync(WorkerTask task)
    {
        await using var node = await TestNode.StartAsync(
            task.Node,
            sink: false,
            configure: builder =>
            {
                builder.Services.AddSingleton(provider => Script(provider, task));
                QuickLeases(builder);
            },
            sourceMessaging: messaging => messaging.AddSaga<TripSaga, TripData>());
        await using (var db = await node.SourceAsync())
        {
            if (!await db.Set<SagaRun>().AnyAsync())
            {
                db.Sagas().Start<TripSaga, TripData>(new TripData("trip-1"), "trip-1");
                await db.SaveChangesAsync();
            }
        }

        Console.WriteLine(Ready);
        await Eventually.HoldsAsync(
            async () =>
            {
                await using var db = await node.SourceAsync();
                return !await db.Set<SagaRun>().AnyAsync(run => run.State < SagaState.Done);
            },
            "the saga ends");
    }

    /// <summary>So that a replica takes over soon what a killed one left.</summary>
    public static void QuickLeases(IHostApplicationBuilder builder) => builder.Services.PostConfigure<MessagingOptions>(options =>
    {
        options.Poll = TimeSpan.FromMilliseconds(100);
        options.SagaLease = TimeSpan.FromSeconds(1);
    });

    private static TripScript Script(IServiceProvider services, WorkerTask task) => new()
    {
        ActAsync = async (act, data, ct) =>
        {
            CrashAt(task, $"{act}:before");
            if (act == $"do:{task.RefuseAt}")
            {
                throw NumberTrouble.Refusal();
            }

            await TripEffects.ApplyAsync(services.GetRequiredService<IDbContextFactory<SourceDb>>(), act, data, ct);
            CrashAt(task, $"{act}:after");
            return StepResult.Done;
        },
    };

    private static void CrashAt(WorkerTask task, string point)
    {
        var mark = Path.Combine(task.Node.Data, "crashed");
        if (task.CrashAt == point && !File.Exists(mark))
        {
            File.WriteAllText(mark, point);
            Process.GetCurrentProcess().Kill();
        }
    }

    private static async Task<int> NextNumberAsync(TestNode node, string key)
    {
        await using var db = await node.SourceAsync();
        return (await db.Made.Where(made => made.Key == key).MaxAsync(made => (int?)made.Number) ?? 0) + 1;
    }
}
