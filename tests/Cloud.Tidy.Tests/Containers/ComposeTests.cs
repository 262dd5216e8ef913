using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Cloud.Tidy.Tests.Containers;

/// <summary>
/// No Docker engine is asked: the compose file and the Dockerfile are held against what the distributed profile starts as processes.
/// </summary>
public sealed partial class ComposeTests
{
    // What containers are told because they are containers: where to listen, and the passwords of images of others.
    private static readonly string[] OfContainers = ["ASPNETCORE_URLS", "CLOUD_HTTP_PORT", "CLOUD_S3_PORT"];

    public static TheoryData<string> Ours =>
        [.. ComposeFile.Services.Where(service => service.Value.Project is not null).Select(service => service.Key)];

    [Fact]
    public async Task File_IsAcceptedByCompose()
    {
        var (program, arguments) = await HasPluginAsync()
            ? ("docker", new[] { "compose", "config", "--quiet" })
            : ("docker-compose", ["config", "--quiet"]);
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardError = true,
            WorkingDirectory = Repository.Root,
            Environment = { ["CLOUD_POSTGRES_PASSWORD"] = "a", ["CLOUD_RABBITMQ_PASSWORD"] = "b" },
        };
        using var compose = Process.Start(start)!;
        var complained = await compose.StandardError.ReadToEndAsync();
        await compose.WaitForExitAsync();
        compose.ExitCode.ShouldBe(0, complained);
    }

    [Fact]
    public void Services_AreTheUnitsOfTheDistributedProfile() =>
        ComposeFile.Services.Keys.Except(["images"]).ShouldBe(DistributedProfile.Units, ignoreOrder: true);

    [Theory]
    [MemberData(nameof(Ours))]
    public void Service_IsToldTheSameVariables(string name)
    {
        var here = ComposeFile.Services[name].Environment.Keys.Except(OfContainers);
        var there = DistributedProfile.EnvironmentOf(name).Keys.Except(OfContainers);
        here.ShouldBe(there, ignoreOrder: true);
    }

    [Theory]
    [MemberData(nameof(Ours))]
    public void Service_RunsTheSameProgram(string name)
    {
        var project = ComposeFile.Services[name].Project!;
        File.Exists(Repository.PathOf($"{project}/{Path.GetFileName(project)}.csproj")).ShouldBeTrue(project);
        Repository.Read("infra/units.sh").ShouldContain($"{name}) run_service {name} {Path.GetFileName(project)} ;;");
    }

    [Fact]
    public void Url_LeadsToAPortThatIsListenedOn() =>
        ComposeFile.Services.Where(service => !service.Value.SharesTheMachinesNetwork)
            .SelectMany(service => service.Value.Environment.Values.SelectMany(value => InnerAddress().Matches(value))
                .Select(match => (service.Key, Match: match)))
            .Where(link => !Listens(link.Match.Groups["host"].Value, link.Match.Groups["port"].Value))
            .Select(link => $"{link.Key}: {link.Match.Value}")
            .ShouldBeNone("These lead to no service, or to a port where it does not listen:");

    [Fact]
    public void Host_ReachesComputeAtItsPublishedPort()
    {
        var url = ComposeFile.Services["host"].Environment["CLOUD_COMPUTE_URL"].Replace("http://", "", StringComparison.Ordinal);
        ComposeFile.Services["compute"].Ports.ShouldBe([$"{url}:8080"]);
    }

    [Fact]
    public void Ports_ArePublishedOnLoopbackAlone() =>
        ComposeFile.Services.SelectMany(service => service.Value.Ports.Where(
            port => !port.StartsWith("127.0.0.1:", StringComparison.Ordinal)).Select(port => $"{service.Key}: {port}"))
            .ShouldBeNone("What is published on every address is reached from everywhere:");

    [Fact]
    public void Service_HasAHealthCheck() =>
        ComposeFile.Services.Where(service => !service.Value.HasHealthCheck && service.Key is not ("images" or "host"))
            .Select(service => service.Key)
            .ShouldBeNone("A service without a health check is waited for by nobody:");

    [Fact]
    public void Image_IsPinned() =>
        ComposeFile.Services.Select(service => service.Value.Image).OfType<string>()
            .Concat(From().Matches(Dockerfile).Select(match => match.Groups[1].Value)
                .Where(image => image.Contains(':', StringComparison.Ordinal)))
            .Where(image => !Pinned().IsMatch(image))
            .ShouldBeNone("An image has a version, down to the patch:");

    [Fact]
    public void Servers_AreOfTheVersionsThatPackagesBring()
    {
        DistributedProfile.Packages.ShouldContain($"postgresql-{ComposeFile.Services["postgres"].Image!.Split(':', '.')[1]}");
        ComposeFile.Services["rabbitmq"].Image!.ShouldMatch(@"^rabbitmq:3\.\d+\.\d+-management$");
    }

    [Fact]
    public void DotNet_IsTheOneOfGlobalJsonAndOfTheProjects()
    {
        var sdk = Argument("SDK");
        sdk.ShouldStartWith(GlobalSdk().Match(Repository.Read("global.json")).Groups[1].Value);
        Repository.Read("Directory.Build.props")
            .ShouldContain($"<TargetFramework>net{string.Join('.', Argument("RUNTIME").Split('.').Take(2))}</TargetFramework>");
    }

    [Fact]
    public void Dockerfile_HasEveryTargetThatComposeBuilds() =>
        ComposeFile.Services.Select(service => service.Value.Target).OfType<string>().Distinct()
            .Except(Target().Matches(Dockerfile).Select(match => match.Groups[1].Value))
            .ShouldBeNone("Targets that the Dockerfile does not have:");

    [Fact]
    public void Dockerfile_CopiesWhatIsThere() =>
        Copy().Matches(Dockerfile).Select(match => match.Groups[1].Value)
            .Where(path => path != "." && !Directory.Exists(Repository.PathOf(path)) && !File.Exists(Repository.PathOf(path)))
            .ShouldBeNone("The Dockerfile copies these, and they are not there:");

    [Fact]
    public void Dockerfile_InstallsWhatAHostNeeds() =>
        DistributedProfile.HostPackages.Where(package => !Dockerfile.Contains(package, StringComparison.Ordinal))
            .ShouldBeNone("infra/lib.sh installs these for guests, the Dockerfile does not:");

    private static string Dockerfile => Repository.Read("infra/docker/Dockerfile");

    private static string Argument(string name) => Regex.Match(Dockerfile, $@"^ARG {name}=(\S+)$", RegexOptions.Multiline).Groups[1].Value;

    private static bool Listens(string host, string port) => host switch
    {
        "postgres" => port == "5432",
        "rabbitmq" => port == "5672",
        _ => ComposeFile.Services.TryGetValue(host, out var service)
            && service.Environment["ASPNETCORE_URLS"].EndsWith($":{port}", StringComparison.Ordinal),
    };

    private static async Task<bool> HasPluginAsync()
    {
        try
        {
            using var docker = Process.Start(
                new ProcessStartInfo("docker", ["compose", "version"]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            await docker.WaitForExitAsync();
            return docker.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // No docker client at all.
            return false;
        }
    }

    [GeneratedRegex(@"(?:http://|amqp://[^@]*@|Host=)(?<host>[a-z]+)(?::|;Port=)(?<port>\d+)")]
    private static partial Regex InnerAddress();

    [GeneratedRegex(@"^FROM (\S+)", RegexOptions.Multiline)]
    private static partial Regex From();

    [GeneratedRegex(@"^FROM \S+ AS (\S+)$", RegexOptions.Multiline)]
    private static partial Regex Target();

    [GeneratedRegex(@"^COPY (?!--from)(\S+) ", RegexOptions.Multiline)]
    private static partial Regex Copy();

    [GeneratedRegex(@":(\d+\.\d+|\$\{(SDK|RUNTIME)\})")]
    private static partial Regex Pinned();

    [GeneratedRegex("\"version\": \"(\\d+\\.\\d+)")]
    private static partial Regex GlobalSdk();
}
