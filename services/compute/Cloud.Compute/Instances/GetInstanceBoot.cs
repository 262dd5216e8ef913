using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Persistence;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>The latest boot, phase by phase.</summary>
public sealed record InstanceBootView
{
    /// <summary>The boot reached its end.</summary>
    public required bool Ended { get; init; }

    public required bool Ready { get; init; }

    public required IReadOnlyList<InstanceBootPhase> Phases { get; init; }

    /// <summary>What user data exited with; null where there is none or it has not ended.</summary>
    public required int? UserDataExitCode { get; init; }

    /// <summary>Where something failed or is not over: the last lines of the console.</summary>
    public required string? ConsoleTail { get; init; }
}

/// <summary>One phase.</summary>
/// <param name="Phase"><c>kernel</c>, <c>network</c>, <c>user-data</c>, <c>ready</c>.</param>
/// <param name="UptimeSeconds">Since the guest's kernel started.</param>
/// <param name="Failed">Whether it went wrong.</param>
/// <param name="Detail">What went wrong.</param>
public sealed record InstanceBootPhase(string Phase, double? UptimeSeconds, bool Failed, string? Detail);

internal static class GetInstanceBoot
{
    private const int TailLines = 20;

    public static async Task<InstanceBootView> HandleAsync(
        string id, Caller caller, ComputeDbContext db, HostDirectory hosts, CancellationToken ct)
    {
        var instance = await db.Instances.AsNoTracking().FindVisibleAsync(caller, id, ct);
        var agent = hosts.AgentOf(instance.HostName);
        var report = await agent.FindAsync(instance.Id.Value, ct);
        var phases = (report?.Boot ?? []).Select(ToPhase).ToList();
        var wrong = report is null || !report.BootEnded || phases.Exists(phase => phase.Failed);
        return new InstanceBootView
        {
            Ended = report?.BootEnded ?? false,
            Ready = instance.Ready,
            Phases = phases,
            UserDataExitCode = report?.UserDataExitCode,
            ConsoleTail = wrong ? ConsoleText.Tail(await ConsoleText.ReadAsync(agent, instance.Id.Value, ct), TailLines) : null,
        };
    }

    private static InstanceBootPhase ToPhase(GuestBootPhase phase) => new(
        phase.Phase,
        phase.UptimeSeconds,
        phase.Error is not null || phase.ExitCode is not null and not 0,
        phase.Error ?? (phase.ExitCode is { } code and not 0 ? $"It exited with {code}." : null));
}
