using System.Text;

namespace Cloud.EndToEnd.Tests;

/// <summary>
/// A disk of 1 MiB whose boot sector prints a line on the first serial port and halts: 16-bit code that a PC's firmware starts at 0x7c00.
/// </summary>
internal static class BootDisk
{
    public static byte[] Make(string line)
    {
        byte[] code =
        [
            0xfa,                         // cli
            0x31, 0xc0,                   // xor ax, ax
            0x8e, 0xd8,                   // mov ds, ax
            0xbe, 0x1a, 0x7c,             // mov si, text
            0xac,                         // next: lodsb
            0x84, 0xc0,                   // test al, al
            0x74, 0x08,                   // jz end
            0xba, 0xf8, 0x03,             // mov dx, 0x3f8
            0xee,                         // out dx, al
            0xeb, 0xf5,                   // jmp next
            0x90, 0x90,                   // nop, nop
            0xf4,                         // end: hlt
            0xeb, 0xfd,                   // jmp end
            0x90, 0x90,                   // nop, nop
        ];
        var disk = new byte[1 << 20];
        code.CopyTo(disk, 0);
        Encoding.ASCII.GetBytes(line + "\r\n\0").CopyTo(disk, code.Length);
        disk[510] = 0x55;
        disk[511] = 0xaa;
        return disk;
    }
}
