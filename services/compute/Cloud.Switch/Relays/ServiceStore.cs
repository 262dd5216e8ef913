using System.Text.Json;
using Cloud.Switch.Client;
using Cloud.Switch.State;

namespace Cloud.Switch.Relays;

/// <summary>The services as they were last told, so that a switch that starts again has them again.</summary>
internal sealed class ServiceStore(string path)
{
    public void Write(IReadOnlyList<SwitchService> services) =>
        StateFile.Write(path, services, SwitchJson.Default.IReadOnlyListSwitchService);

    /// <summary>None where there is no file. One that can't be read is named by <paramref name="unreadable"/> and left as it is.</summary>
    public IReadOnlyList<SwitchService> Read(Action<string, Exception> unreadable)
    {
        try
        {
            return File.Exists(path)
                ? JsonSerializer.Deserialize(File.ReadAllBytes(path), SwitchJson.Default.IReadOnlyListSwitchService)!
                : [];
        }
        catch (JsonException damaged)
        {
            unreadable(path, damaged);
            return [];
        }
    }
}
