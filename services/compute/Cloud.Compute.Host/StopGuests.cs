using Cloud.Compute.Host.Guests;

namespace Cloud.Compute.Host;

/// <summary>
/// The command <c>stop-guests</c>: powers off what runs on this host while no agent does, and the switch. Said to run again with the host.
/// </summary>
internal static class StopGuests
{
    public static async Task<int> RunAsync(WebApplicationBuilder builder)
    {
        await using var services = builder.Services.BuildServiceProvider();
        var agent = services.GetRequiredService<HostAgent>();
        await agent.AdoptAllAsync(CancellationToken.None);
        await agent.StopAllAsync(CancellationToken.None);
        return 0;
    }
}
