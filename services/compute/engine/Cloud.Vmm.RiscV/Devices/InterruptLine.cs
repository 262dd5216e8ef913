namespace Cloud.Vmm.RiscV.Devices;

/// <summary>A device's wire to the interrupt controller: a level. Safe from any thread.</summary>
internal sealed class InterruptLine(Plic plic, int source)
{
    internal void Set(bool high) => plic.SetLevel(source, high);
}
