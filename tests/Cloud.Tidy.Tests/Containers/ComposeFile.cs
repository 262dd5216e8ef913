using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.Serialization;

namespace Cloud.Tidy.Tests.Containers;

/// <summary>docker-compose.yml as a tree, its anchors and merge keys resolved.</summary>
internal static class ComposeFile
{
    public static IReadOnlyDictionary<string, ComposeService> Services { get; } = Read();

    private static Dictionary<string, ComposeService> Read()
    {
        using var text = new StreamReader(Repository.PathOf("docker-compose.yml"));
        var parser = new MergingParser(new Parser(text));
        parser.Consume<StreamStart>();
        var tree = (Dictionary<object, object>)new DeserializerBuilder().Build().Deserialize<object>(parser)!;
        return ((Dictionary<object, object>)tree["services"])
            .ToDictionary(service => (string)service.Key, service => new ComposeService((Dictionary<object, object>)service.Value));
    }
}

/// <summary>One service of the file.</summary>
internal sealed class ComposeService(Dictionary<object, object> tree)
{
    public string? Image => tree.GetValueOrDefault("image") as string;

    public string? Target => Build?.GetValueOrDefault("target") as string;

    /// <summary>The project that the image holds, null for an image of others.</summary>
    public string? Project => (Build?.GetValueOrDefault("args") as Dictionary<object, object>)?["PROJECT"] as string;

    public IReadOnlyDictionary<string, string> Environment { get; } =
        tree.GetValueOrDefault("environment") is Dictionary<object, object> variables
        ? variables.ToDictionary(variable => (string)variable.Key, variable => (string)variable.Value)
        : [];

    public IReadOnlyList<string> Ports { get; } = tree.GetValueOrDefault("ports") is List<object> ports ? [.. ports.Cast<string>()] : [];

    public bool HasHealthCheck => tree.ContainsKey("healthcheck");

    public bool SharesTheMachinesNetwork => tree.GetValueOrDefault("network_mode") as string == "host";

    private Dictionary<object, object>? Build => tree.GetValueOrDefault("build") as Dictionary<object, object>;
}
