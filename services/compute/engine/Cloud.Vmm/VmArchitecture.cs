namespace Cloud.Vmm;

/// <summary>The instruction set a guest's image is built for.</summary>
public enum VmArchitecture
{
    X64 = 1,
    RiscV64 = 2,
}
