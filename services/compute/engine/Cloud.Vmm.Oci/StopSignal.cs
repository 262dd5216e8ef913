using System.Globalization;

namespace Cloud.Vmm.Oci;

/// <summary>The signal that asks a container to end, kept in its folder for the agent that adopts it.</summary>
internal static class StopSignal
{
    private const string Name = "stop-signal";
    private const int Terminate = 15;

    public static void Write(string folder, int signal) =>
        File.WriteAllText(Path.Combine(folder, Name), signal.ToString(CultureInfo.InvariantCulture));

    public static int Read(string folder) =>
        File.Exists(Path.Combine(folder, Name))
            ? int.Parse(File.ReadAllText(Path.Combine(folder, Name)), CultureInfo.InvariantCulture)
            : Terminate;
}
