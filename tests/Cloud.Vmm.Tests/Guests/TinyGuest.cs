namespace Cloud.Vmm.Tests.Guests;

/// <summary>
/// A guest of a few instructions, so that the suites need no built image. It prints <see cref="Hello"/>, then does what single
/// characters on its console ask; any other character it prints back.
/// </summary>
internal abstract class TinyGuest
{
    public const string Hello = "guest is up\r\n";

    /// <summary>What a guest prints that may not reset its machine and was told to.</summary>
    public const string Refused = "not permitted";

    public const char PowerOff = 'p';
    public const char Reboot = 'r';

    /// <summary>Prints for ever.</summary>
    public const char Flood = 'f';

    /// <summary>Adds one to a counter in the guest's memory, and prints it: <c>1</c> first.</summary>
    public const char Count = 'c';

    /// <summary>Tells the host of a panic, on a board that has the device for it at a fixed place.</summary>
    public const char Panic = 'x';

    /// <summary>What a kernel's file must hold for QEMU to boot it.</summary>
    public abstract byte[] Kernel { get; }

    public static TinyGuest For(VmArchitecture architecture) =>
        architecture == VmArchitecture.RiscV64 ? new RiscV64Guest() : new X64Guest();
}
