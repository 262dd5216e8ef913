namespace Cloud.Vmm;

/// <summary>The technique a guest runs by, as the theory of virtualization names it.</summary>
public enum VmEngine
{
    /// <summary>The guest is a state variable; each instruction is read and applied to it.</summary>
    Simulation = 1,

    /// <summary>Guest code is translated and runs on the host's CPU; devices are emulated.</summary>
    Emulation = 2,

    /// <summary>Guest code runs directly under the CPU's virtualization support; devices are emulated.</summary>
    Hardware = 3,

    /// <summary>One kernel, isolated user spaces.</summary>
    Container = 4,
}
