using Cloud.Vmm;
using Cloud.Vmm.Oci;
using Cloud.Vmm.Qemu;

namespace Cloud.Compute.Host.Containers;

/// <summary>All drivers of this host as one: machines by QEMU and the simulator, containers by the OCI runtime.</summary>
internal sealed class EngineDrivers(QemuDriver machines, OciDriver containers) : IVmDriver
{
    public async Task<IReadOnlyList<EngineProbe>> ProbeAsync(CancellationToken ct)
    {
        var found = await Task.WhenAll(machines.ProbeAsync(ct), containers.ProbeAsync(ct));
        return found.SelectMany(probes => probes).ToList();
    }

    public Task<IReadOnlyList<EngineExamination>> ExamineAsync(CancellationToken ct) => machines.ExamineAsync(ct);

    public Task<IVirtualMachine> StartAsync(VmSpec spec, CancellationToken ct) =>
        spec.Engine == VmEngine.Container ? containers.StartAsync(spec, ct) : machines.StartAsync(spec, ct);

    public Task<IVmArrival> AwaitAsync(VmSpec spec, IReadOnlyDictionary<string, string> slots, CancellationToken ct) =>
        spec.Engine == VmEngine.Container ? containers.AwaitAsync(spec, slots, ct) : machines.AwaitAsync(spec, slots, ct);

    public Task<VmTemplate> MakeTemplateAsync(VmSpec spec, CancellationToken ct) =>
        spec.Engine == VmEngine.Container ? containers.MakeTemplateAsync(spec, ct) : machines.MakeTemplateAsync(spec, ct);

    public Task<IVirtualMachine?> AdoptAsync(string folder, CancellationToken ct) =>
        OciDriver.IsContainer(folder) ? containers.AdoptAsync(folder, ct) : machines.AdoptAsync(folder, ct);
}
