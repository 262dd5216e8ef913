using System.Net;
using System.Net.Sockets;

namespace Cloud.Tidy.Tests.Scripts;

/// <summary>
/// Why the cloud cannot start: one clear line each, and nothing left running. That it starts is what the end-to-end tests see.
/// </summary>
public sealed class UpTests : IDisposable
{
    private readonly Sandbox _sandbox = new();

    public void Dispose() => _sandbox.Dispose();

    [Fact]
    public async Task Up_WithATakenPort_SaysWhichAndWhatToDo()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        _sandbox.Environment["CLOUD_HTTP_PORT"] = $"{port}";

        (await UpAsync("--detach")).ShouldBe(
            $"Port {port} is taken by another program. Stop that, or choose another port with CLOUD_HTTP_PORT.");
    }

    [Theory]
    [InlineData("0")]
    [InlineData("65536")]
    [InlineData("80a")]
    [InlineData("-1")]
    [InlineData("99999999999999999999")]
    public async Task Up_WithAPortThatIsNone_SaysSo(string port)
    {
        _sandbox.Environment["CLOUD_HTTP_PORT"] = port;

        (await UpAsync("--detach")).ShouldBe($"CLOUD_HTTP_PORT is '{port}'; it must be a number from 1 to 65535.");
    }

    [Theory]
    [InlineData("There is no profile 'cluster'; there are local and distributed.", "--profile", "cluster")]
    [InlineData("There is no profile ''; there are local and distributed.", "--profile")]
    [InlineData("up.sh does not know '--fast'; it takes --detach, --profile, --hosts, --no-install.", "--fast")]
    public async Task Up_WithAWordItDoesNotKnow_SaysWhichThereAre(string line, params string[] words) =>
        (await UpAsync(words)).ShouldBe(line);

    [Fact]
    public async Task Up_WhereItMayNotWrite_SaysWhere()
    {
        _sandbox.Environment["CLOUD_DATA"] = "/proc/cloud";

        (await UpAsync("--detach")).ShouldStartWith("/proc/cloud cannot be written. Choose a folder that you may write to with CLOUD_DATA");
    }

    [Fact]
    public async Task Up_WithoutTheSdk_SaysWhatIsMissing()
    {
        // All that the machine has, but dotnet.
        var tools = Directory.CreateDirectory(Path.Combine(_sandbox.Folder, "tools")).FullName;
        var all = new[] { "/usr/bin", "/usr/sbin" }.SelectMany(Directory.EnumerateFiles).DistinctBy(Path.GetFileName);
        foreach (var tool in all.Where(tool => !tool.EndsWith("/dotnet", StringComparison.Ordinal)))
        {
            File.CreateSymbolicLink(Path.Combine(tools, Path.GetFileName(tool)), tool);
        }

        _sandbox.Environment["PATH"] = tools;
        _sandbox.Environment["HOME"] = _sandbox.Folder;

        (await UpAsync("--detach")).ShouldStartWith("The .NET 10 SDK is missing: there is no 'dotnet' on the PATH.");
    }

    [Fact]
    public async Task Up_WithMissingPackagesAndNoInstall_SaysHowToInstallThem()
    {
        _sandbox.PutBefore("dpkg-query", "exit 1");

        var said = await UpAsync("--detach", "--no-install");

        said.ShouldStartWith("Missing packages: ");
        said.ShouldContain("Run: sudo apt-get install --no-install-recommends ");
        said.ShouldContain(" qemu-system-x86");
    }

    [Fact]
    public async Task Up_OnAFullDisk_SaysWhichFolderAndHowMuchIsMissing()
    {
        Directory.CreateDirectory(_sandbox.Data);
        var up = $"mount -t tmpfs -o size=8m none '{_sandbox.Data}' && exec infra/up.sh --detach";

        var (status, said) = await _sandbox.RunAsync("unshare", "--user", "--map-root-user", "--mount", "bash", "-c", up);

        status.ShouldBe(1, said);
        said.Trim().ShouldMatch($"^Only [78] MiB are free below {_sandbox.Data}; the cloud needs 1024. Free some, or [^\n]+ CLOUD_DATA.$");
    }

    [Fact]
    public async Task Up_WhileAnotherProfileRuns_IsRefused()
    {
        await PretendAsync("cloud", profile: "local");

        (await UpAsync("--detach", "--profile", "distributed"))
            .ShouldBe(
                $"The profile local runs in {_sandbox.Data}. Stop it with infra/down.sh first, or choose another folder with CLOUD_DATA.");
    }

    [Fact]
    public async Task Up_WhileItRunsAtAnotherPort_IsRefused()
    {
        await PretendAsync("cloud", profile: "local");
        await File.WriteAllTextAsync(Path.Combine(_sandbox.Data, "run", "ports.env"), "http=8123\n", TestContext.Current.CancellationToken);
        _sandbox.Environment["CLOUD_HTTP_PORT"] = "8124";

        (await UpAsync("--detach")).ShouldBe(
            $"The cloud in {_sandbox.Data} runs at port 8123. Stop it with infra/down.sh first to move it to 8124.");
    }

    [Fact]
    public async Task Down_WhereNothingEverRan_SaysSoAndIsContent()
    {
        var (status, said) = await _sandbox.RunAsync("infra/down.sh");

        status.ShouldBe(0);
        said.Trim().ShouldBe($"There is no cloud in {_sandbox.Data}.");
    }

    [Fact]
    public async Task Down_EndsAUnit_AndAgainIsContent()
    {
        var unit = await PretendAsync("cloud", profile: "local");

        (await _sandbox.RunAsync("infra/down.sh")).Status.ShouldBe(0);

        unit.HasExited.ShouldBeTrue();
        (await _sandbox.RunAsync("infra/down.sh")).ShouldBe((0, "Stopped.\n"));
    }

    [Fact]
    public async Task Down_NeverEndsAProcessThatOnlyHasTheNumberOfAUnit()
    {
        var other = await PretendAsync("cloud", profile: "local");
        var file = Path.Combine(_sandbox.Data, "run", "cloud.pid");
        var words = (
            await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        await File.WriteAllTextAsync(file, $"{words[0]} 7 {words[2]}", TestContext.Current.CancellationToken);

        (await _sandbox.RunAsync("infra/down.sh")).Status.ShouldBe(0);

        other.HasExited.ShouldBeFalse();
    }

    [Fact]
    public async Task TakeProfile_SetsTheOthersStateAside_AndBringsItBack()
    {
        await TakeProfileAsync("local");
        await File.WriteAllTextAsync(Path.Combine(_sandbox.Data, "credentials.env"), "of local", TestContext.Current.CancellationToken);
        Directory.CreateDirectory(Path.Combine(_sandbox.Data, "host", "guests"));

        await TakeProfileAsync("distributed");
        Directory.EnumerateFileSystemEntries(_sandbox.Data).Select(Path.GetFileName).ShouldBe(
            ["run", "profile", "profiles"], ignoreOrder: true);
        await File.WriteAllTextAsync(
            Path.Combine(_sandbox.Data, "credentials.env"), "of distributed", TestContext.Current.CancellationToken);

        await TakeProfileAsync("local");
        (await File.ReadAllTextAsync(Path.Combine(_sandbox.Data, "credentials.env"), TestContext.Current.CancellationToken))
            .ShouldBe("of local");
        Directory.Exists(Path.Combine(_sandbox.Data, "host", "guests")).ShouldBeTrue();
        (await File.ReadAllTextAsync(
            Path.Combine(_sandbox.Data, "profiles", "distributed", "credentials.env"), TestContext.Current.CancellationToken))
            .ShouldBe("of distributed");
    }

    [Fact]
    public async Task TakeProfile_WhileGuestsOfTheOtherRun_IsRefused()
    {
        await TakeProfileAsync("local");
        await File.WriteAllTextAsync(Path.Combine(_sandbox.Data, "run", "guests-kept"), "", TestContext.Current.CancellationToken);

        var (status, said) = await _sandbox.RunAsync("bash", "-c", TakeProfile("distributed"));

        status.ShouldBe(1);
        said.ShouldStartWith($"Guests of the profile local still run in {_sandbox.Data}.");
    }

    private static string TakeProfile(string profile) =>
        $"set -euo pipefail; . infra/lib.sh; . infra/state.sh; mkdir -p \"$CLOUD_DATA/run\"; take_profile {profile}";

    private async Task TakeProfileAsync(string profile)
    {
        var (status, said) = await _sandbox.RunAsync("bash", "-c", TakeProfile(profile));
        status.ShouldBe(0, said);
    }

    /// <summary>A process that stands for a unit that runs.</summary>
    private async Task<System.Diagnostics.Process> PretendAsync(string unit, string profile)
    {
        Directory.CreateDirectory(Path.Combine(_sandbox.Data, "run"));
        await File.WriteAllTextAsync(Path.Combine(_sandbox.Data, "profile"), $"{profile}\n", TestContext.Current.CancellationToken);
        var process = _sandbox.RunOn("sleep", "600");
        var (status, said) = await _sandbox.RunAsync("bash", "-c", $". infra/lib.sh; . infra/processes.sh; write_pid {unit} {process.Id}");
        status.ShouldBe(0, said);
        return process;
    }

    /// <summary>What up.sh says, where it refuses: one line.</summary>
    private async Task<string> UpAsync(params string[] words)
    {
        var (status, said) = await _sandbox.RunAsync("infra/up.sh", words);
        status.ShouldBe(1, said);
        said.TrimEnd('\n').ShouldNotContain('\n', said);
        return said.Trim();
    }
}
