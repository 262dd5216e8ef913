using System.Diagnostics;

namespace Cloud.Tidy.Tests.Code;

/// <summary>White space as .editorconfig has it. Style and naming are the compiler's own warnings, and those are errors.</summary>
public sealed class FormatTests
{
    [Fact]
    public async Task Source_IsFormatted()
    {
        var start = new ProcessStartInfo(
            "dotnet", ["format", "whitespace", Repository.Root, "--folder", "--verify-no-changes", "--exclude", "artifacts"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var format = Process.Start(start)!;
        var said = format.StandardOutput.ReadToEndAsync();
        var complained = format.StandardError.ReadToEndAsync();
        await format.WaitForExitAsync();
        format.ExitCode.ShouldBe(0, $"Run: dotnet format whitespace . --folder\n{await said}{await complained}");
    }
}
