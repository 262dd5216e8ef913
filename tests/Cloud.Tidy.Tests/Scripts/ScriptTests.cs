using System.Diagnostics;

namespace Cloud.Tidy.Tests.Scripts;

/// <summary>Shell scripts parse, pass shellcheck and fail loudly.</summary>
public sealed class ScriptTests
{
    public static TheoryData<string> Files => [.. Repository.WithExtension(".sh").Append(".ci/run")];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Script_Parses(string file) => (await RunAsync("bash", "-n", file)).ShouldBeNone($"{file} does not parse:");

    // SC2154 is off: what another file sets. `set -u` finds what nobody sets.
    [Theory]
    [MemberData(nameof(Files))]
    public async Task Script_PassesShellcheck(string file) =>
        (await RunAsync(
            "shellcheck", "--external-sources", "--source-path=SCRIPTDIR", "--severity=warning", "--exclude=SC2154", "--shell=bash", "--format=gcc", file))
        .ShouldBeNone("shellcheck says (where it is wrong, a disable comment gives the reason):");

    [Theory]
    [MemberData(nameof(Files))]
    public void Script_StopsAtWhatFails(string file)
    {
        var text = Repository.Read(file);
        if (Starts(file))
        {
            (text.Contains("set -e", StringComparison.Ordinal) || text.Contains("set -u", StringComparison.Ordinal)).ShouldBeTrue($"{file} sets neither -e nor -u.");
            File.GetUnixFileMode(Repository.PathOf(file)).HasFlag(UnixFileMode.UserExecute).ShouldBeTrue($"{file} has a shebang, but cannot be run.");
        }
        else
        {
            File.GetUnixFileMode(Repository.PathOf(file)).HasFlag(UnixFileMode.UserExecute).ShouldBeFalse($"{file} can be run, but has no shebang.");
        }
    }

    private static bool Starts(string file) => Repository.Read(file).StartsWith("#!", StringComparison.Ordinal);

    private static async Task<string[]> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Repository.Root };
        using var process = Process.Start(start)!;
        var said = process.StandardOutput.ReadToEndAsync();
        var complained = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return ((await said) + (await complained)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
