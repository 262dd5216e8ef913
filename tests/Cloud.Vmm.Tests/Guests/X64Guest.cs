using System.Buffers.Binary;
using System.Text;

namespace Cloud.Vmm.Tests.Guests;

/// <summary>
/// For the PC, as an ELF file with a PVH entry (xen/include/public/elfnote.h): it starts in 32-bit protected mode with flat segments. Heeds
/// the ACPI power button, which the firmware put at port 0x600.
/// </summary>
internal sealed class X64Guest : TinyGuest
{
    private const uint LoadAddress = 0x100000;
    private const int CodeOffset = 0x1000;

    // Assembled by hand; addresses in it are relative but for the text's and the table's.
    private static readonly byte[] Code =
    [
        0xbc, 0x00, 0x00, 0x09, 0x00,             // start:  mov esp, 0x90000
        0xbe, 0xa7, 0x00, 0x10, 0x00,             //         mov esi, hello
        0xe8, 0x76, 0x00, 0x00, 0x00,             //         call print
        0x66, 0xba, 0x02, 0x06,                   //         mov dx, 0x602        PM1 enable:
        0x66, 0xb8, 0x00, 0x01,                   //         mov ax, 0x100        the power button
        0x66, 0xef,                               //         out dx, ax
        0xf3, 0x90,                               // loop:   pause
        0x66, 0xba, 0x00, 0x06,                   //         mov dx, 0x600        PM1 status
        0x66, 0xed,                               //         in ax, dx
        0x66, 0xa9, 0x00, 0x01,                   //         test ax, 0x100
        0x75, 0x29,                               //         jnz off
        0x66, 0xba, 0xfd, 0x03,                   //         mov dx, 0x3fd        line status
        0xec,                                     //         in al, dx
        0xa8, 0x01,                               //         test al, 1           data ready
        0x74, 0xe9,                               //         jz loop
        0x66, 0xba, 0xf8, 0x03,                   //         mov dx, 0x3f8
        0xec,                                     //         in al, dx
        0x3c, (byte)PowerOff, 0x74, 0x17,         //         cmp al, 'p'; je off
        0x3c, (byte)Reboot, 0x74, 0x1f,           //         cmp al, 'r'; je reset
        0x3c, (byte)Panic, 0x74, 0x21,            //         cmp al, 'x'; je panic
        0x3c, (byte)'t', 0x74, 0x38,              //         cmp al, 't'; je triple
        0x3c, (byte)Flood, 0x74, 0x22,            //         cmp al, 'f'; je flood
        0x3c, (byte)Count, 0x74, 0x45,            //         cmp al, 'c'; je count
        0xee,                                     //         out dx, al
        0xeb, 0xc9,                               //         jmp loop
        0x66, 0xba, 0x04, 0x06,                   // off:    mov dx, 0x604        PM1 control
        0x66, 0xb8, 0x00, 0x20,                   //         mov ax, 0x2000       sleep enable, type 0: S5
        0x66, 0xef,                               //         out dx, ax
        0xeb, 0xbd,                               //         jmp loop
        0xb0, 0xfe,                               // reset:  mov al, 0xfe         the keyboard controller's reset line
        0xe6, 0x64,                               //         out 0x64, al
        0xeb, 0xb7,                               //         jmp loop
        0x66, 0xba, 0x05, 0x05,                   // panic:  mov dx, 0x505        pvpanic
        0xb0, 0x01,                               //         mov al, 1
        0xee,                                     //         out dx, al
        0xeb, 0xae,                               //         jmp loop
        0x66, 0xba, 0xfd, 0x03,                   // flood:  mov dx, 0x3fd
        0xec,                                     // wait:   in al, dx
        0xa8, 0x20,                               //         test al, 0x20        transmitter empty
        0x74, 0xfb,                               //         jz wait
        0x66, 0xba, 0xf8, 0x03,                   //         mov dx, 0x3f8
        0xb0, (byte)'y',                          //         mov al, 'y'
        0xee,                                     //         out dx, al
        0xeb, 0xee,                               //         jmp flood
        0x0f, 0x01, 0x1d, 0xb5, 0x00, 0x10, 0x00, // triple: lidt [zero]
        0xcc,                                     //         int3                 a fault in a fault in a fault
        0x66, 0xba, 0xf8, 0x03,                   // print:  mov dx, 0x3f8
        0xac,                                     // next:   lodsb
        0x84, 0xc0,                               //         test al, al
        0x74, 0x03,                               //         jz done
        0xee,                                     //         out dx, al
        0xeb, 0xf8,                               //         jmp next
        0xc3,                                     // done:   ret
        0xfe, 0x05, 0xbb, 0x00, 0x10, 0x00,       // count:  inc byte [counter]
        0xa0, 0xbb, 0x00, 0x10, 0x00,             //         mov al, [counter]
        0x66, 0xba, 0xf8, 0x03,                   //         mov dx, 0x3f8
        0xee,                                     //         out dx, al
        0xe9, 0x72, 0xff, 0xff, 0xff,             //         jmp loop
    ];

    public override byte[] Kernel { get; } = Build();

    private static byte[] Build()
    {
        var loaded = Code.Concat(Encoding.ASCII.GetBytes(Hello + '\0')).Concat(new byte[6]).Append((byte)'0').ToArray();
        var file = new byte[CodeOffset + loaded.Length];
        loaded.CopyTo(file, CodeOffset);
        void Put16(int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), value);
        void Put32(int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), value);
        void Put64(int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(at), value);

        // The header: 64-bit, little-endian, executable, x86-64, two program headers after it.
        new byte[] { 0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1 }.CopyTo(file, 0);
        Put16(16, 2);
        Put16(18, 62);
        Put32(20, 1);
        Put64(24, LoadAddress);
        Put64(32, 64);
        Put16(52, 64);
        Put16(54, 56);
        Put16(56, 2);

        // What is loaded.
        Put32(64, 1);
        Put32(68, 7);
        Put64(72, CodeOffset);
        Put64(80, LoadAddress);
        Put64(88, LoadAddress);
        Put64(96, (ulong)loaded.Length);
        Put64(104, (ulong)loaded.Length);
        Put64(112, 0x1000);

        // The note that names the 32-bit entry: XEN_ELFNOTE_PHYS32_ENTRY of "Xen".
        const int Note = 256;
        Put32(120, 4);
        Put64(128, Note);
        Put64(152, 24);
        Put64(160, 24);
        Put64(168, 4);
        Put32(Note, 4);
        Put32(Note + 4, 8);
        Put32(Note + 8, 18);
        "Xen\0"u8.CopyTo(file.AsSpan(Note + 12));
        Put64(Note + 16, LoadAddress);
        return file;
    }
}
