using System.Diagnostics;

namespace Cloud.Tidy.Tests.House;

/// <summary>A test that is never run proves nothing: <c>tests/run.sh</c> runs every project that the solution has.</summary>
public sealed class TestProjectTests
{
    [Fact]
    public void Run_RunsEveryTestProject()
    {
        // A folder below tests/ whose name ends in .Tests: that is what the script takes.
        Repository.Read("tests/run.sh").ShouldContain("printf '%s\\n' *.Tests");
        ProjectFile.All.Where(project => project.IsTests && project.Folder != $"tests/{project.Name}").Select(project => project.Path)
            .ShouldBeNone("A test project lies in tests/ in a folder of its name, or tests/run.sh does not run it:");
    }

    [Fact]
    public void Run_KnowsNoProjectThatIsNotThere()
    {
        using var run = Process.Start(
            new ProcessStartInfo(Repository.PathOf("tests/run.sh"), ["Cloud.Absent.Tests"]) { RedirectStandardError = true })!;
        var said = run.StandardError.ReadToEnd();
        run.WaitForExit();
        run.ExitCode.ShouldBe(1);
        said.ShouldContain("There is no project tests/Cloud.Absent.Tests");
    }

    [Fact]
    public void TestClass_HasATest() =>
        Repository.Sources.Where(
            file => file.StartsWith("tests/", StringComparison.Ordinal) && file.EndsWith("Tests.cs", StringComparison.Ordinal))
            .Where(file => !Repository.Read(file).Contains("[Fact", StringComparison.Ordinal)
                && !Repository.Read(file).Contains("[Theory", StringComparison.Ordinal))
            .Where(file => !Repository.Read(file).Contains("abstract class", StringComparison.Ordinal) && !Inherits(file))
            .ShouldBeNone("A file named …Tests holds tests:");

    // A suite for a driver or a saga inherits its tests from an abstract one.
    private static bool Inherits(string file) =>
        Repository.ReadLines(file).Any(line => line.Contains("class ", StringComparison.Ordinal)
            && line.Contains(": ", StringComparison.Ordinal) && line.Contains("Tests", StringComparison.Ordinal));
}
