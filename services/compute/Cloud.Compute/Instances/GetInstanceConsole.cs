using System.Globalization;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Instances;

/// <summary>The console's log: whole, its last lines (<c>?tail=</c>), or as it grows (<c>?follow=true</c>).</summary>
internal static class GetInstanceConsole
{
    private const int TailMax = 10_000;
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);

    public static async Task HandleAsync(
        string id, string? tail, string? follow, Caller caller, HttpContext context, ComputeDbContext db, HostDirectory hosts,
        TimeProvider time, CancellationToken ct)
    {
        var lines = ParseTail(tail);
        var instance = await db.Instances.AsNoTracking().FindVisibleAsync(caller, id, ct);
        var agent = hosts.AgentOf(instance.HostName);
        var response = context.Response;
        response.ContentType = "text/plain; charset=utf-8";
        if (lines is null && follow is null or "false")
        {
            await response.WriteAsync(await ConsoleText.ReadAsync(agent, id, ct), ct);
            return;
        }

        var text = await ConsoleText.ReadAsync(agent, id, ct);
        await response.WriteAsync(lines is { } count ? ConsoleText.Tail(text, count) : text, ct);
        if (follow is null or "false")
        {
            return;
        }

        await FollowAsync(agent, id, System.Text.Encoding.UTF8.GetByteCount(text), response, time, ct);
    }

    private static int? ParseTail(string? tail)
    {
        if (tail is null)
        {
            return null;
        }

        return int.TryParse(tail, NumberStyles.None, CultureInfo.InvariantCulture, out var lines) && lines is >= 1 and <= TailMax
            ? lines
            : throw CloudException.Invalid("tail", $"Expected a number of lines from 1 to {TailMax}.");
    }

    /// <summary>Sends what is printed until the caller goes away or the guest does.</summary>
    private static async Task FollowAsync(
        IHostAgent agent, string id, long offset, HttpResponse response, TimeProvider time, CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            await response.Body.FlushAsync(ct);
            var chunk = await agent.ReadConsoleAsync(id, offset, ct);
            offset = chunk.NextOffset;
            if (chunk.Bytes.Length > 0)
            {
                await response.Body.WriteAsync(chunk.Bytes, ct);
            }
            else
            {
                await Task.Delay(LookAgain, time, ct);
            }
        }
    }
}
