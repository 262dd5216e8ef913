using System.Text.Json;

namespace Cloud.Vmm.Qemu.Probing;

/// <summary>
/// Keeps what probes found, for the present boot of the host and the present QEMU: a probe that waits for a guest that hangs costs seconds.
/// One file a probe, so that several can be kept at the same time.
/// </summary>
internal sealed class ProbeMemory(string folder)
{
    /// <summary>Null where nothing is known, or what is known holds no more.</summary>
    public KeptProbe? Recall(string program, VmEngine engine, VmArchitecture architecture)
    {
        try
        {
            var kept = JsonSerializer.Deserialize(File.ReadAllBytes(PathOf(engine, architecture)), ProbeJson.Default.KeptProbe);
            return kept is { Probe: not null } && kept.HoldsFor(program) ? kept : null;
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }

    public void Keep(KeptProbe kept)
    {
        Directory.CreateDirectory(folder);
        var path = PathOf(kept.Probe.Engine, kept.Probe.Architecture);
        File.WriteAllBytes(path + ".new", JsonSerializer.SerializeToUtf8Bytes(kept, ProbeJson.Default.KeptProbe));
        File.Move(path + ".new", path, overwrite: true);
    }

    private string PathOf(VmEngine engine, VmArchitecture architecture) =>
        Path.Combine(folder, $"probe-{engine.ToString().ToLowerInvariant()}-{architecture.ToString().ToLowerInvariant()}.json");
}
