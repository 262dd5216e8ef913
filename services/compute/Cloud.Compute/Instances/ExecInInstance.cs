using System.Text;
using Cloud.Compute.Hosts;
using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>The body of <c>POST /v1/instances/{id}/exec</c>.</summary>
public sealed record ExecInInstanceRequest
{
    /// <summary>The program and its arguments; no shell reads them.</summary>
    public required IReadOnlyList<string> Command { get; init; }
}

/// <summary>What the command answered, its output as UTF-8.</summary>
public sealed record ExecInInstanceView(int ExitCode, string Stdout, string Stderr);

/// <summary>Runs a command in the guest through its agent.</summary>
internal static class ExecInInstance
{
    private const int ArgumentsMax = 256;

    public static async Task<ExecInInstanceView> HandleAsync(
        string id, ExecInInstanceRequest request, Caller caller, ComputeDbContext db, HostDirectory hosts, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(
            request.Command.Count is >= 1 and <= ArgumentsMax, "command", $"Expected 1 to {ArgumentsMax} strings, the program first.");
        errors.Require(
            request.Command.All(argument => argument is not null && !argument.Contains('\0', StringComparison.Ordinal)), "command",
            "Expected strings with no NUL.");
        errors.ThrowIfAny();
        var instance = await db.Instances.AsNoTracking().FindVisibleAsync(caller, id, ct);
        var result = await hosts.AgentOf(instance.HostName).ExecAsync(id, request.Command, ct);
        return new ExecInInstanceView(
            result.ExitCode, Encoding.UTF8.GetString(result.StandardOutput), Encoding.UTF8.GetString(result.StandardError));
    }
}
