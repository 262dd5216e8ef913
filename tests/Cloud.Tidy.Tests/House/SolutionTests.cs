using System.Text.RegularExpressions;

namespace Cloud.Tidy.Tests.House;

/// <summary>The solution holds every project, pinned, and the top level nothing that the design does not name.</summary>
public sealed partial class SolutionTests
{
    private static readonly string[] TopLevel =
    [
        ".ci", ".dockerignore", ".editorconfig", ".gitignore", "BannedSymbols.txt", "CONTRIBUTING.md", "Cloud.sln",
        "Directory.Build.props", "Directory.Packages.props", "LICENSE", "README.md", "docker-compose.yml", "gateway", "global.json",
        "infra", "services", "shared", "tests",
    ];

    [Fact]
    public void TopLevel_HoldsWhatTheDesignNames() =>
        Repository.Files.Select(file => file.Split('/')[0]).Distinct().Except(TopLevel)
            .ShouldBeNone("A file has its place in a folder of the design; at the top level there is no room for more:");

    [Fact]
    public void TopLevel_IsComplete() =>
        TopLevel.Except(Repository.Files.Select(file => file.Split('/')[0])).ShouldBeNone("These are missing at the top level:");

    [Fact]
    public void Solution_HoldsEveryProject()
    {
        var inSolution = ProjectInSolution().Matches(Repository.Read("Cloud.sln")).Select(match => match.Groups[1].Value.Replace('\\', '/'))
            .ToList();
        Repository.Projects.Except(inSolution).ShouldBeNone("Not in Cloud.sln (dotnet sln add):");
        inSolution.Except(Repository.Projects).ShouldBeNone("In Cloud.sln, but not there:");
    }

    [Fact]
    public void Project_HasALockFile() =>
        ProjectFile.All.Where(project => !File.Exists(Repository.PathOf($"{project.Folder}/packages.lock.json")))
            .Select(project => project.Path)
            .ShouldBeNone("Restored with a packages.lock.json that is committed:");

    [Fact]
    public void Project_IsNamedAsItsFolder() =>
        ProjectFile.All.Where(project => Path.GetFileName(project.Folder) != project.Name && project.Folder != "tests/benchmarks")
            .Select(project => project.Path)
            .ShouldBeNone("Folder, project, assembly and root namespace have one name:");

    [Fact]
    public void Project_TakesVersionsFromTheCentralFile() =>
        Repository.Projects.Where(project => VersionHere().IsMatch(Repository.Read(project)))
            .ShouldBeNone("Versions stand in Directory.Packages.props alone:");

    [Fact]
    public void Project_LoosensNoRule() =>
        Repository.Projects.Where(project => Loosened().IsMatch(Repository.Read(project)))
            .ShouldBeNone("Warnings are errors and nullable is on everywhere; an exception stands in .editorconfig with its reason:");

    [GeneratedRegex("""^Project\("[^"]+"\) = "[^"]+", "([^"]+\.csproj)",""", RegexOptions.Multiline)]
    private static partial Regex ProjectInSolution();

    [GeneratedRegex("<PackageReference[^>]*Version=")]
    private static partial Regex VersionHere();

    [GeneratedRegex("<(NoWarn|TreatWarningsAsErrors|Nullable|WarningsNotAsErrors)>")]
    private static partial Regex Loosened();
}
