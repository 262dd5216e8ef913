using System.Text.Json;
using Cloud.Compute.Host.Contracts;

namespace Cloud.Compute.Host.Guests;

/// <summary>
/// The latest run of a guest, kept in its folder as <c>run.json</c>, so that an agent that was not there when it ended still knows
/// whether the guest died or its host was stopped under it.
/// </summary>
/// <param name="HostBoot">The boot of the host that it was started in (<c>/proc/sys/kernel/random/boot_id</c>).</param>
/// <param name="StartedAt">When its process was started.</param>
/// <param name="Exit">How it ended; null while it runs, or where nobody saw its end.</param>
internal sealed record GuestRun(string HostBoot, DateTimeOffset StartedAt, GuestExit? Exit)
{
    /// <summary>The present boot of this host.</summary>
    public static string PresentBoot { get; } = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    /// <summary>How a run ended whose process is gone.</summary>
    public GuestExit ToExit() => Exit ?? (HostBoot == PresentBoot
        ? new GuestExit(GuestExitKind.Failed, "It ended while its host's agent did not run.")
        : new GuestExit(GuestExitKind.HostStopped, "Its host was rebooted."));

    public static GuestRun? Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<GuestRun>(File.ReadAllBytes(path));
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }

    /// <summary>There when this returns, durable when the task ends.</summary>
    public Task BeginAsync(string path) => DurableFile.WriteAsync(path, JsonSerializer.SerializeToUtf8Bytes(this));

    public void Write(string path) => DurableFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(this));
}
