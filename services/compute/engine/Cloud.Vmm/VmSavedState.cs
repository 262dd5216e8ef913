namespace Cloud.Vmm;

/// <summary>What a machine was at one instant: its memory and its devices. What its disks held then is the caller's to keep.</summary>
/// <param name="Path">The file that holds it.</param>
/// <param name="Slots">Where its devices sat on their bus, by their ids: disks that came while it ran took what was free then. With them
/// how much memory it had.</param>
/// <param name="Version">That of the program that saved it; null where it was not kept.</param>
public sealed record VmSavedState(string Path, IReadOnlyDictionary<string, string> Slots, string? Version = null);
