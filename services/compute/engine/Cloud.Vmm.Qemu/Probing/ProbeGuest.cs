namespace Cloud.Vmm.Qemu.Probing;

/// <summary>
/// The smallest guest that proves something: it enters the architecture's 64-bit mode, computes what no narrower one can, prints
/// <see cref="Proof"/> on the serial port and ends the machine. Started as the board's firmware, so that nothing else is needed.
/// </summary>
/// <param name="Firmware">The bytes at the board's reset address.</param>
/// <param name="Arguments">What the board needs for it to end the machine.</param>
/// <param name="ExitCode">What QEMU then ends with.</param>
internal sealed record ProbeGuest(byte[] Firmware, IReadOnlyList<string> Arguments, int ExitCode)
{
    public const string Proof = "64-bit guest ran";

    public static ProbeGuest For(VmArchitecture architecture) =>
        architecture == VmArchitecture.RiscV64 ? RiscV64Probe.Guest : X64Probe.Guest;
}
