using System.Diagnostics;

namespace Cloud.Tidy.Tests.Containers;

/// <summary>What <c>infra/up.sh --profile distributed</c> would start, as the scripts themselves say.</summary>
internal static class DistributedProfile
{
    public static IReadOnlyList<string> Units { get; } = [.. Ask("echo ${units[@]}").Single().Split(' ')];

    public static IReadOnlyList<string> Packages { get; } = [.. Ask("echo ${packages_distributed[@]}").Single().Split(' ')];

    /// <summary>The packages that a host needs for its guests.</summary>
    public static IReadOnlyList<string> HostPackages { get; } = [.. Ask("echo ${packages_host[@]}").Single().Split(' ')];

    /// <summary>The variables that a unit is told, beside those that say where its folders are.</summary>
    public static IReadOnlyDictionary<string, string> EnvironmentOf(string unit) =>
        Ask($"unit_environment {unit}").Select(line => line.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);

    private static string[] Ask(string question)
    {
        var data = Directory.CreateTempSubdirectory("cloud-tidy-").FullName;
        try
        {
            var script = $"""
                set -eu
                . infra/lib.sh; . infra/processes.sh; . infra/units.sh
                mkdir -p "$CLOUD_DATA/run"
                choose_ports distributed; make_secrets distributed; profile_units distributed
                {question}
                """;
            var start = new ProcessStartInfo("bash", ["-c", script])
            {
                RedirectStandardOutput = true,
                WorkingDirectory = Repository.Root,
                Environment = { ["CLOUD_DATA"] = data, ["CLOUD_HTTP_PORT"] = "1" },
            };
            using var process = Process.Start(start)!;
            var said = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            process.ExitCode.ShouldBe(0);
            return said.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }
}
