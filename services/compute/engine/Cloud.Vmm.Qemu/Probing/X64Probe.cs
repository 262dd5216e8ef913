using System.Text;

namespace Cloud.Vmm.Qemu.Probing;

/// <summary>
/// For the PC: 64 KiB of ROM that end at 4 GiB, and are seen below 1 MiB too. The processor starts in real mode at the last 16 bytes, and
/// goes by protected mode into long mode (AMD64 architecture manual, volume 2, 14.6), which is what a hypervisor that only pretends gets
/// wrong.
/// </summary>
internal static class X64Probe
{
    private const int RomBytes = 0x10000;
    private const int RealMode = 0xf000;
    private const int ProtectedMode = 0xf020;
    private const int LongMode = 0xf080;
    private const int Tables = 0xf0d0;
    private const int ResetVector = 0xfff0;
    private const int DebugExitValue = 0x2a;

    private static readonly byte[] RealModeCode =
    [
        0x2e, 0x66, 0x0f, 0x01, 0x16, 0xf0, 0xf0,       // lgdt cs:[0xf0f0]
        0x0f, 0x20, 0xc0,                               // mov eax, cr0
        0x0c, 0x01,                                     // or al, 1              protection
        0x0f, 0x22, 0xc0,                               // mov cr0, eax
        0x66, 0xea, 0x20, 0xf0, 0x0f, 0x00, 0x08, 0x00, // jmp 8:0xff020
    ];

    private static readonly byte[] ProtectedModeCode =
    [
        0xb8, 0x10, 0x00, 0x00, 0x00,                               // mov eax, 0x10
        0x8e, 0xd8,                                                 // mov ds, eax
        0x8e, 0xd0,                                                 // mov ss, eax
        0xc7, 0x05, 0x00, 0x10, 0x00, 0x00, 0x03, 0x20, 0x00, 0x00, // mov dword [0x1000], 0x2003     page tables:
        0xc7, 0x05, 0x00, 0x20, 0x00, 0x00, 0x03, 0x30, 0x00, 0x00, // mov dword [0x2000], 0x3003     the first two
        0xc7, 0x05, 0x00, 0x30, 0x00, 0x00, 0x83, 0x00, 0x00, 0x00, // mov dword [0x3000], 0x83       mebibytes, as they are
        0xb8, 0x20, 0x00, 0x00, 0x00,                               // mov eax, 0x20         physical address extension
        0x0f, 0x22, 0xe0,                                           // mov cr4, eax
        0xb8, 0x00, 0x10, 0x00, 0x00,                               // mov eax, 0x1000
        0x0f, 0x22, 0xd8,                                           // mov cr3, eax
        0xb9, 0x80, 0x00, 0x00, 0xc0,                               // mov ecx, 0xc0000080   EFER
        0x0f, 0x32,                                                 // rdmsr
        0x0d, 0x00, 0x01, 0x00, 0x00,                               // or eax, 0x100         long mode
        0x0f, 0x30,                                                 // wrmsr
        0x0f, 0x20, 0xc0,                                           // mov eax, cr0
        0x0d, 0x00, 0x00, 0x00, 0x80,                               // or eax, 0x80000000    paging
        0x0f, 0x22, 0xc0,                                           // mov cr0, eax
        0xea, 0x80, 0xf0, 0x0f, 0x00, 0x18, 0x00,                   // jmp 0x18:0xff080
    ];

    private static readonly byte[] LongModeCode =
    [
        0x49, 0xb8, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, //       mov r8, 0x0123456789abcdef
        0x49, 0xc1, 0xc0, 0x20,                                     //       rol r8, 32
        0x49, 0xb9, 0x67, 0x45, 0x23, 0x01, 0xef, 0xcd, 0xab, 0x89, //       mov r9, 0x89abcdef01234567
        0x4d, 0x39, 0xc8,                                           //       cmp r8, r9
        0x75, 0x17,                                                 //       jne stop
        0x48, 0x8d, 0x35, 0x52, 0x00, 0x00, 0x00,                   //       lea rsi, [rip + text]
        0x66, 0xba, 0xf8, 0x03,                                     //       mov dx, 0x3f8         the serial port
        0xac,                                                       // next: lodsb
        0x84, 0xc0,                                                 //       test al, al
        0x74, 0x03,                                                 //       jz end
        0xee,                                                       //       out dx, al
        0xeb, 0xf8,                                                 //       jmp next
        0xb0, DebugExitValue,                                       // end:  mov al, 0x2a
        0xe6, 0xf4,                                                 //       out 0xf4, al          isa-debug-exit
        0xf4,                                                       // stop: hlt
        0xeb, 0xfd,                                                 //       jmp stop
    ];

    // Flat segments: code of 32 bits, data, code of 64 bits. Then their limit and address, at 0xf0f0.
    private static readonly byte[] DescriptorTable =
    [
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0xff, 0xff, 0x00, 0x00, 0x00, 0x9a, 0xcf, 0x00,
        0xff, 0xff, 0x00, 0x00, 0x00, 0x92, 0xcf, 0x00,
        0xff, 0xff, 0x00, 0x00, 0x00, 0x9a, 0xaf, 0x00,
        0x1f, 0x00, 0xd0, 0xf0, 0x0f, 0x00,
    ];

    private static readonly byte[] ResetCode =
    [
        0xfa,             // cli
        0xe9, 0x0c, 0xf0, // jmp 0xf000
    ];

    public static ProbeGuest Guest { get; } = new(
        Build(),
        ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"],

        // hw/misc/debugexit.c: the value, doubled, and one.
        (DebugExitValue << 1) | 1);

    private static byte[] Build()
    {
        var rom = new byte[RomBytes];
        RealModeCode.CopyTo(rom, RealMode);
        ProtectedModeCode.CopyTo(rom, ProtectedMode);
        LongModeCode.CopyTo(rom, LongMode);
        DescriptorTable.CopyTo(rom, Tables);
        Encoding.ASCII.GetBytes(ProbeGuest.Proof).CopyTo(rom, Tables + DescriptorTable.Length);
        ResetCode.CopyTo(rom, ResetVector);
        return rom;
    }
}
