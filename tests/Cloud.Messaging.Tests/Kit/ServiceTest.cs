using Cloud.Testing;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Messaging.Tests.Kit;

/// <summary>A test over services of its own.</summary>
public abstract class ServiceTest(Servers servers) : IDisposable
{
    private readonly List<string> _folders = [];

    protected Servers Servers => servers;

    public void Dispose()
    {
        foreach (var folder in _folders)
        {
            Directory.Delete(folder, recursive: true);
        }

        GC.SuppressFinalize(this);
    }

    internal async Task<NodeSettings> SettingsAsync(Profile profile)
    {
        var settings = await servers.OfAsync(profile);
        _folders.Add(settings.Data);
        return settings;
    }

    /// <summary>
    /// Until every number that was committed has come, then asserts that each came once, in the order of its key, and nothing else.
    /// </summary>
    internal static async Task AssertAllCameOnceInOrderAsync(TestNode source, TestNode sink)
    {
        await using var db = await source.SourceAsync();
        var made = await db.Made.AsNoTracking().OrderBy(one => one.Id).ToListAsync();
        try
        {
            await Eventually.HoldsAsync(
                async () => await source.OutboxIsEmptyAsync() && (await sink.EffectsAsync()).Count >= made.Count
                    && !await IsWaitingAsync(sink),
                $"{made.Count} numbers arrive");
        }
        catch (TimeoutException late)
        {
            var effects = await sink.EffectsAsync();
            var missing = made.Where(one => !effects.Any(effect => effect.Key == one.Key && effect.Number == one.Number));
            throw new TimeoutException(
                $"{late.Message}; outbox empty: {await source.OutboxIsEmptyAsync()}, inbox waits: {await IsWaitingAsync(sink)}, "
                + $"missing: {string.Join(' ', missing.Take(50).Select(one => $"{one.Key}/{one.Number}"))}",
                late);
        }

        var came = await sink.EffectsAsync();
        foreach (var key in made.Select(one => one.Key).Union(came.Select(one => one.Key)))
        {
            came.Where(one => one.Key == key).Select(one => one.Number).ShouldBe(
                made.Where(one => one.Key == key).Select(one => one.Number).Order(), $"the numbers of {key}");
        }
    }

    internal static async Task<bool> IsWaitingAsync(TestNode sink)
    {
        await using var db = await sink.SinkAsync();
        return await db.Set<InboxMessage>().AnyAsync(message => message.State == InboxState.Waiting);
    }
}
