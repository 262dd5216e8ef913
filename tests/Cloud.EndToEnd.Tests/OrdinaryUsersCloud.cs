using System.Diagnostics;

namespace Cloud.EndToEnd.Tests;

/// <summary>
/// A local cloud of a user who has a home, a range of ids for containers and no right besides, from a checkout of his own. Where who runs
/// the tests is one himself, it is his.
/// </summary>
public sealed class OrdinaryUsersCloud() : CloudUnderTest("local")
{
    private const string User = "cloud-user-tests";

    private readonly string _home = Path.Combine(Path.GetTempPath(), $"cloud-home-{Guid.NewGuid():n}");

    /// <summary>What up.sh builds the cloud of, what it was built to, and what the cloud's images are made of.</summary>
    private static readonly string[] Parts =
    [
        "infra", "services", "gateway", "shared", "*.props", ".editorconfig", "global.json", "BannedSymbols.txt", "artifacts/release.built",
        "artifacts/bin/Cloud.Local", "artifacts/bin/*.Migrations.*",
    ];

    private static string Cache =>
        Environment.GetEnvironmentVariable("CLOUD_CACHE") ?? Path.Combine(Environment.GetEnvironmentVariable("HOME")!, ".cache", "cloud");

    public override async ValueTask InitializeAsync()
    {
        if (Environment.IsPrivilegedProcess)
        {
            await AsRootAsync($"! id {User} > /dev/null 2>&1 || userdel {User}");
            await AsRootAsync($"useradd --create-home --home-dir {_home} {User}");
            await AsRootAsync($"cd {Root} && cp --archive --parents --reflink=auto {string.Join(' ', Parts)} {_home}");
            await AsRootAsync($"mkdir -p {_home}/cache/images && cp --archive --reflink=auto {Cache}/images/tiny-* {_home}/cache/images");
            await AsRootAsync($"chown --recursive --no-dereference {User}: {_home} {Data}");
        }

        await base.InitializeAsync();
    }

    /// <summary>Numbers of processes of a user id that lies in a range.</summary>
    public static IReadOnlyList<int> ProcessesOf(uint first, uint count) => Directory.EnumerateDirectories("/proc")
        .Select(path => int.TryParse(Path.GetFileName(path), out var id) ? id : 0)
        .Where(id => id > 0 && UserOf(id) is { } user && user >= first && user - first < count)
        .ToList();

    /// <summary>Whom a process runs as on the host; null where it has ended, or is only waited for.</summary>
    public static uint? UserOf(int process)
    {
        try
        {
            var lines = File.ReadAllLines($"/proc/{process}/status");
            return lines.Any(line => line.StartsWith("State:\tZ", StringComparison.Ordinal))
                ? null
                : uint.Parse(
                    lines.First(line => line.StartsWith("Uid:", StringComparison.Ordinal)).Split('\t')[1],
                    System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return null;
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (Environment.IsPrivilegedProcess)
        {
            await AsRootAsync($"userdel {User}");
            Directory.Delete(_home, recursive: true);
        }
    }

    protected override IReadOnlyList<string> CommandOf(string script) => Environment.IsPrivilegedProcess
        ? ["runuser", "--user", User, "--", "env", $"HOME={_home}", $"CLOUD_CACHE={_home}/cache", $"{_home}/{script}"]
        : base.CommandOf(script);

    private static async Task AsRootAsync(string script)
    {
        using var shell = Process.Start(new ProcessStartInfo("bash", ["-c", script]) { RedirectStandardError = true })!;
        var said = await shell.StandardError.ReadToEndAsync();
        await shell.WaitForExitAsync();
        shell.ExitCode.ShouldBe(0, said);
    }
}
