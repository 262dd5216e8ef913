using System.Globalization;

namespace Cloud.Switch;

/// <summary>The switch's log: a line each to its standard error, with an id by which it is searched.</summary>
internal static class SwitchLog
{
    public static void Started(string slirp, int ports) => Write("info", 4001, $"Switch started on libslirp {slirp} with {ports} ports");

    public static void Stopped() => Write("info", 4002, "Switch stopped");

    public static void NotRestored(string port, string reason) => Write("warn", 4003, $"Port {port} was not restored: {reason}");

    public static void RequestFailed(Exception failure) =>
        Write("fail", 4004, $"A request failed: {failure.GetType().Name}: {failure.Message}");

    public static void Died(Exception failure) => Write("crit", 4005, $"The switch ends: {failure}");

    public static void Forgotten(string port) =>
        Write("info", 4006, $"Port {port} is no more: its guest went to another host and is on none");

    private static void Write(string level, int id, string text) => Console.Error.WriteLine(
        $"{TimeProvider.System.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture)} {level} {id} {text}");
}
