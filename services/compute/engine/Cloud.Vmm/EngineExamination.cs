namespace Cloud.Vmm;

/// <summary>What an engine of this host was found to be, beyond whether it works (<see cref="EngineProbe"/>).</summary>
/// <param name="Engine">The technique.</param>
/// <param name="Architecture">The guest's architecture.</param>
/// <param name="Problems">
/// Which of the seven problems of virtualizing a processor a guest found solved, by their names; empty where none was looked for.
/// </param>
/// <param name="ProblemsReason">Why some were not looked for; null where all were.</param>
/// <param name="Processor">What the host's processor says of its virtualization support; null but for <c>hardware</c>.</param>
public sealed record EngineExamination(
    VmEngine Engine, VmArchitecture Architecture, IReadOnlyDictionary<string, bool> Problems, string? ProblemsReason,
    ProcessorSupport? Processor);

/// <summary>A processor's virtualization support, as far as the host lets one read it.</summary>
/// <param name="Extension"><c>VMX</c> (Intel) or <c>SVM</c> (AMD); null where the processor shows neither.</param>
/// <param name="Features">What it can do, in the words of the kernel and of the manual.</param>
/// <param name="Vmcs">The capability registers that say which fields a VMCS has, by their names, in hexadecimal digits.</param>
/// <param name="Reason">What could not be read, and why; null where nothing is missing.</param>
public sealed record ProcessorSupport(
    string? Extension, IReadOnlyList<string> Features, IReadOnlyDictionary<string, string> Vmcs, string? Reason);
