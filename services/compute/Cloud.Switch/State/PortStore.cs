using System.Text.Json;
using Cloud.Switch.Client;
using Cloud.Switch.Ports;

namespace Cloud.Switch.State;

/// <summary>The ports as they were last told, a file each, so that a switch that starts again has them again.</summary>
internal sealed class PortStore(string folder)
{
    private const string Suffix = ".json";

    public void Write(SwitchPort port) => StateFile.Write(PathOf(port.Id), port, SwitchJson.Default.SwitchPort);

    public void Delete(string id) => File.Delete(PathOf(id));

    /// <summary>All that can be read. A file that can't is named by <paramref name="unreadable"/> and left as it is.</summary>
    public IReadOnlyList<SwitchPort> ReadAll(Action<string, Exception> unreadable)
    {
        var ports = new List<SwitchPort>();
        foreach (var path in Directory.EnumerateFiles(folder, "*" + Suffix).Order(StringComparer.Ordinal))
        {
            try
            {
                ports.Add(JsonSerializer.Deserialize(File.ReadAllBytes(path), SwitchJson.Default.SwitchPort)!);
            }
            catch (JsonException damaged)
            {
                unreadable(path, damaged);
            }
        }

        return ports;
    }

    private string PathOf(string id) =>
        PortRules.IsId(id) ? Path.Combine(folder, id + Suffix) : throw new SwitchException("invalid-port", "That is no port's id.");
}
