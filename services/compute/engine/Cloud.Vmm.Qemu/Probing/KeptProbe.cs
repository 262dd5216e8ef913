using System.Text.Json.Serialization;
using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Qemu.Probing;

/// <summary>A probe's answer and what it holds for.</summary>
/// <param name="HostBoot">The boot of the host that it was found in.</param>
/// <param name="Program">The QEMU that it was found with.</param>
/// <param name="Device">Who might open the device of hardware virtualization then: an administrator may change it.</param>
/// <param name="Cpu">The CPU that the guest had.</param>
/// <param name="Probe">What was found.</param>
internal sealed record KeptProbe(string HostBoot, string Program, string Device, string Cpu, EngineProbe Probe)
{
    /// <summary>What was found when the seven problems were looked for; null before.</summary>
    public ProblemsFound? Problems { get; init; }

    public static KeptProbe Of(string program, EngineProbe probe, string cpu) =>
        new(Linux.HostBoot.Id, Stamp(program), DeviceStamp(probe.Engine), cpu, probe);

    /// <summary>Whether it still holds for a program.</summary>
    public bool HoldsFor(string program) =>
        HostBoot == Linux.HostBoot.Id && Program == Stamp(program) && Device == DeviceStamp(Probe.Engine);

    /// <summary>Another QEMU has another one.</summary>
    private static string Stamp(string program)
    {
        var file = new FileInfo(program);
        return $"{program} {file.Length} {file.LastWriteTimeUtc.Ticks}";
    }

    private static string DeviceStamp(VmEngine engine) =>
        engine == VmEngine.Hardware && FileOwner.Read(KvmDevice.Path) is { } owner ? $"{owner.Group} {(int)owner.Mode}" : "";
}

[JsonSerializable(typeof(KeptProbe))]
internal sealed partial class ProbeJson : JsonSerializerContext;
