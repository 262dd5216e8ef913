namespace Cloud.Vmm.Qemu;

/// <summary>Finds the programs that run machines; QEMU's in the folders where Debian has them, whatever the agent's own PATH.</summary>
internal static class Programs
{
    private static readonly string[] Folders = ["/usr/local/bin", "/usr/bin", "/bin"];

    /// <summary>The absolute path, or null where it is not installed.</summary>
    public static string? Find(VmEngine engine, VmArchitecture architecture, QemuOptions options) =>
        engine == VmEngine.Simulation
            ? File.Exists(options.SimulatorProgram) ? options.SimulatorProgram : null
            : Folders.Select(folder => Path.Combine(folder, Name(engine, architecture))).FirstOrDefault(File.Exists);

    /// <summary>The programs of Debian's qemu-system-x86 and qemu-system-misc, and our own.</summary>
    public static string Name(VmEngine engine, VmArchitecture architecture) => (engine, architecture) switch
    {
        (VmEngine.Simulation, _) => "cloud-vmm",
        (_, VmArchitecture.RiscV64) => "qemu-system-riscv64",
        _ => "qemu-system-x86_64",
    };
}
