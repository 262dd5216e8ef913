namespace Cloud.Vmm;

/// <summary>What took a guest's processors out of running the guest's own code, since its machine's start.</summary>
/// <param name="Counter">
/// Who counted: <c>kvm</c>; <c>tcg</c>, which leaves translated code where hardware would exit; or <c>simulator</c>.
/// </param>
/// <param name="Reasons">How often, by reason; in the counter's own words.</param>
public sealed record VmExits(string Counter, IReadOnlyDictionary<string, long> Reasons);
