namespace Cloud.Compute.Host.Contracts;

/// <summary>What a host knows of one of its engines beyond whether it works.</summary>
/// <param name="Engine"><c>emulation</c>, <c>hardware</c>, …</param>
/// <param name="Architecture"><c>x86_64</c> or <c>riscv64</c>.</param>
/// <param name="Problems">
/// Which of the seven problems of virtualizing a processor a guest found solved here, by their names; those it did not look for are
/// missing.
/// </param>
/// <param name="ProblemsReason">Why some are missing; null where none is.</param>
/// <param name="Processor">What the processor says of its virtualization support; null but for <c>hardware</c>.</param>
public sealed record HostEngineDetail(
    string Engine, string Architecture, IReadOnlyDictionary<string, bool> Problems, string? ProblemsReason, HostProcessor? Processor);

/// <summary>A processor's virtualization support, as far as the host lets one read it.</summary>
/// <param name="Extension"><c>VMX</c> (Intel) or <c>SVM</c> (AMD); null where the processor shows neither.</param>
/// <param name="Features">What it can do, in the words of the kernel and of the manual.</param>
/// <param name="Vmcs">The capability registers that say which fields a VMCS has, by their names, in hexadecimal digits.</param>
/// <param name="Reason">What could not be read, and why; null where nothing is missing.</param>
public sealed record HostProcessor(
    string? Extension, IReadOnlyList<string> Features, IReadOnlyDictionary<string, string> Vmcs, string? Reason);
