using System.Diagnostics;

namespace Cloud.Tidy.Tests.Scripts;

/// <summary>Shell scripts parse, pass shellcheck and fail loudly.</summary>
public sealed class ScriptTests
{
    public static TheoryData<string> Files => [.. Repository.WithExtension(".sh").Append(".ci/run")];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Script_Parses(string file) => (await RunAsync("bash", "-n", file)).ShouldBeNone($"{file} does not parse:");

    // SC2154 and SC2034 are off: what another file sets, or reads. `set -u` finds what nobody sets. SC1090: a recipe named by the user.
    [Theory]
    [MemberData(nameof(Files))]
    public async Task Script_PassesShellcheck(string file) =>
        (await RunAsync(
            "shellcheck", "--external-sources", "--source-path=SCRIPTDIR", "--severity=warning", "--exclude=SC2154,SC2034,SC1090",
            "--shell=bash", "--format=gcc", file))
        .ShouldBeNone("shellcheck says (where it is wrong, a disable comment gives the reason):");

    [Theory]
    [MemberData(nameof(Files))]
    public void Script_StopsAtWhatFails(string file)
    {
        var text = Repository.Read(file);
        var runs = File.GetUnixFileMode(Repository.PathOf(file)).HasFlag(UnixFileMode.UserExecute);
        runs.ShouldBe(Starts(file), $"{file}: a file with a shebang can be run, and no other.");
        if (runs)
        {
            text.ShouldMatch(@"(?m)^set -\w*[eu]", $"{file} sets neither -e nor -u.");
        }
    }

    private static bool Starts(string file) => Repository.Read(file).StartsWith("#!", StringComparison.Ordinal);

    private static async Task<string[]> RunAsync(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Repository.Root,
        };
        using var process = Process.Start(start)!;
        var said = process.StandardOutput.ReadToEndAsync();
        var complained = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return ((await said) + (await complained)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
