namespace Cloud.Tidy.Tests.House;

/// <summary>Who may know whom: the lines that keep a service's data its own, and the engine free of the cloud around it.</summary>
public sealed class ProjectReferenceTests
{
    private static readonly string[] ForbiddenInEngine = ["Microsoft.AspNetCore", "Microsoft.EntityFrameworkCore", "Npgsql", "MassTransit",
        "RabbitMQ", "Swashbuckle", "Yarp"];

    [Fact]
    public void Engine_NeedsNoWebServerDatabaseOrBus() =>
        ProjectFile.All.Where(project => project.IsEngine)
            .SelectMany(project => project.AllReferences.Prepend(project).SelectMany(part => WhyNotInEngine(project, part)))
            .ShouldBeNone("Below services/compute/engine there is no ASP.NET, EF or bus, straight or through a reference:");

    [Fact]
    public void Engine_ReferencesOnlyItselfAndPrimitives() =>
        ProjectFile.All.Where(project => project.IsEngine)
            .SelectMany(
                project => project.References.Where(reference => !reference.IsEngine && reference.Name != "Cloud.Primitives"), Sentence)
            .ShouldBeNone("The engine knows nothing of the cloud around it:");

    [Fact]
    public void Service_ReferencesOfAnotherOnlyContracts() =>
        ProjectFile.All.Where(project => project.Service is not null)
            .SelectMany(
                project => project.References.Where(
                    reference => reference.Service is not null && reference.Service != project.Service && !reference.IsContracts),
                Sentence)
            .ShouldBeNone("A service references of another service its Contracts and nothing else:");

    [Fact]
    public void Gateway_ReferencesOfServicesOnlyContracts() =>
        ProjectFile.All.Where(project => project.Path.StartsWith("gateway/", StringComparison.Ordinal))
            .SelectMany(project => project.References.Where(reference => reference.Service is not null && !reference.IsContracts), Sentence)
            .ShouldBeNone("The gateway references services' Contracts and nothing else of them:");

    [Fact]
    public void Contracts_ReferenceOnlyPrimitivesMessagingAndContracts() =>
        ProjectFile.All.Where(project => project.IsContracts)
            .SelectMany(
                project => project.References.Where(
                    reference => !reference.IsContracts && reference.Name is not ("Cloud.Primitives" or "Cloud.Messaging")),
                Sentence)
            .ShouldBeNone("Contracts are records that others can hold without holding the service:");

    [Fact]
    public void Contracts_NeedNoPackage() =>
        ProjectFile.All.Where(project => project.IsContracts && (project.Packages.Count > 0 || project.IsWeb))
            .Select(project => $"{project.Path}: {string.Join(", ", project.Packages)}")
            .ShouldBeNone("Contracts need no package and no web SDK:");

    [Fact]
    public void Shared_ReferencesOnlyShared() =>
        ProjectFile.All.Where(project => project.IsShared)
            .SelectMany(project => project.References.Where(reference => !reference.IsShared && !IsWhoCalls(project, reference)), Sentence)
            .ShouldBeNone("Shared projects know no service:");

    [Fact]
    public void Shared_AreTheFourThatPassedTheAdmissionTest() =>
        ProjectFile.All.Where(project => project.IsShared).Select(project => project.Name)
            .ShouldBe(["Cloud.Messaging", "Cloud.Persistence", "Cloud.Primitives", "Cloud.ServiceDefaults"], ignoreOrder: true);

    [Fact]
    public void Primitives_NeedNothing()
    {
        var primitives = ProjectFile.All.Single(project => project.Name == "Cloud.Primitives");
        primitives.Packages.ShouldBeEmpty();
        primitives.References.ShouldBeEmpty();
        primitives.IsWeb.ShouldBeFalse();
    }

    [Fact]
    public void Product_NeverReferencesTests() =>
        ProjectFile.All.Where(project => !project.Path.StartsWith("tests/", StringComparison.Ordinal))
            .SelectMany(
                project => project.References.Where(reference => reference.Path.StartsWith("tests/", StringComparison.Ordinal)), Sentence)
            .ShouldBeNone("Nothing outside tests/ references a test project:");

    // Who calls is what every edge asks identity: its contracts, and no more of it.
    private static bool IsWhoCalls(ProjectFile project, ProjectFile reference) =>
        project.Name == "Cloud.ServiceDefaults" && reference.Name == "Cloud.Identity.Contracts";

    private static string Sentence(ProjectFile project, ProjectFile reference) => $"{project.Path} references {reference.Name}";

    private static IEnumerable<string> WhyNotInEngine(ProjectFile project, ProjectFile part)
    {
        if (part.IsWeb)
        {
            yield return $"{project.Name} reaches {part.Name}, which is a web project";
        }

        foreach (var package in part.Packages.Where(
            package => ForbiddenInEngine.Any(word => package.StartsWith(word, StringComparison.Ordinal))))
        {
            yield return $"{project.Name} reaches {package} through {part.Name}";
        }
    }
}
