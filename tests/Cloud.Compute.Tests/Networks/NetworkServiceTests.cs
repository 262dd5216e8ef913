using Cloud.Compute.Contracts;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Compute.Tests.Networks;

/// <summary>What the bus says of servers that instances reach, and what the hosts are told of it.</summary>
public sealed class NetworkServiceTests(ComputeUnderTest compute) : IClassFixture<ComputeUnderTest>
{
    [Fact]
    public async Task Service_SaidOnTheBus_IsToldToTheHost_UntilItIsGone()
    {
        var said = new SetNetworkService("db-told", "p-1", ["orders", "db-told"], "10.80.15.1", 5432, 15_001, Version: 1);

        await SayAsync(said);

        await UntilToldAsync("db-told", new HostService("db-told", "p-1", ["orders", "db-told"], "10.80.15.1", 5432, 15_001));
        await SayAsync(said with { Names = ["sales", "db-told"], Version = 2 });
        await UntilToldAsync("db-told", new HostService("db-told", "p-1", ["sales", "db-told"], "10.80.15.1", 5432, 15_001));
        await SayAsync(said with { Version = 3, Gone = true });
        await UntilToldAsync("db-told", null);
    }

    [Fact]
    public async Task Service_SaidLate_ChangesNothing()
    {
        var said = new SetNetworkService("db-late", "p-1", ["late"], "10.80.15.2", 6379, 15_002, Version: 5);
        await SayAsync(said);
        await SayAsync(said with { Names = ["older"], Version = 4 });
        await SayAsync(said with { Id = "db-after", Address = "10.80.15.3" });

        await UntilToldAsync("db-after", new HostService("db-after", "p-1", ["late"], "10.80.15.3", 6379, 15_002));
        Told("db-late")!.Names.ShouldBe(["late"]);

        // Gone, and said again by somebody who did not know yet.
        await SayAsync(said with { Version = 6, Gone = true });
        await SayAsync(said);
        await SayAsync(said with { Id = "db-after", Address = "10.80.15.3", Version = 6, Gone = true });
        await UntilToldAsync("db-after", null);
        Told("db-late").ShouldBeNull();
    }

    private HostService? Told(string id) => compute.Host.Services.SingleOrDefault(one => one.Id == id);

    private Task UntilToldAsync(string id, HostService? expected) => ComputeUnderTest.UntilAsync(() => Task.FromResult(
        Told(id) is { } told
            ? expected is not null && told with { Names = expected.Names } == expected && told.Names.SequenceEqual(expected.Names)
            : expected is null));

    /// <summary>All with one key, so that they are handled one after the other.</summary>
    private async Task SayAsync(SetNetworkService service)
    {
        await using var db = await compute.Services.GetRequiredService<IDbContextFactory<ComputeDbContext>>().CreateDbContextAsync();
        db.Outbox().Add(service, "databases");
        await db.SaveChangesAsync();
    }
}
