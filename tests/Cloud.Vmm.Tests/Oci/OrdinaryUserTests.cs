using System.Diagnostics;
using Cloud.Vmm.Oci;

namespace Cloud.Vmm.Tests.Oci;

/// <summary>The suites of containers again, in the hands of a user who has a range of ids and no other right.</summary>
public sealed class OrdinaryUserTests : IAsyncLifetime
{
    private const string User = "cloud-vmm-tests";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-user-").FullName;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(UserNamespace.Own is null, "Who runs this is one.");
        Directory.Delete(_folder);
        await RunAsync("useradd", "--create-home", "--home-dir", _folder, User);
    }

    public async ValueTask DisposeAsync()
    {
        if (UserNamespace.Own is null)
        {
            await RunAsync("userdel", User);
            Directory.Delete(_folder, recursive: true);
        }
    }

    [Theory]
    [InlineData(nameof(ContainerDriverTests))]
    [InlineData(nameof(EscapeTests))]
    [InlineData(nameof(LayerTests))]
    public async Task Suite_AsAnOrdinaryUser_Passes(string suite)
    {
        // Where the suite itself lies he may not look.
        await RunAsync("cp", "--recursive", AppContext.BaseDirectory, $"{_folder}/suite");
        var program = Path.Combine(_folder, "suite", Path.GetFileName(typeof(OrdinaryUserTests).Assembly.Location));
        var said = await RunAsync(
            "runuser", "--user", User, "--", "env", $"HOME={_folder}", Environment.ProcessPath!, program, "-noColor", "-class",
            $"*.{suite}");
        said.ShouldContain("Failed: 0");
        said.ShouldNotContain("Total: 0");
    }

    private static async Task<string> RunAsync(params string[] command)
    {
        using var limit = new CancellationTokenSource(Limit);
        using var program = Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            WorkingDirectory = "/",
        })!;
        var said = await program.StandardOutput.ReadToEndAsync(limit.Token);
        await program.WaitForExitAsync(limit.Token);
        program.ExitCode.ShouldBe(0, $"{string.Join(' ', command)}\n{said}");
        return said;
    }
}
