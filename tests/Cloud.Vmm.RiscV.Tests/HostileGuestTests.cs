using Cloud.Vmm.RiscV.Cpu.Csr;
using Cloud.Vmm.RiscV.Devices.Virtio.Balloon;
using Cloud.Vmm.RiscV.Devices.Virtio.Block;
using Cloud.Vmm.RiscV.Devices.Virtio.Console;
using Cloud.Vmm.RiscV.Devices.Virtio.Entropy;
using Cloud.Vmm.RiscV.Devices.Virtio.Net;
using Cloud.Vmm.RiscV.Devices.Virtio.Scsi;
using Cloud.Vmm.RiscV.Disks;
using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Tests;

/// <summary>Guests that mean harm: whatever they do, the process lives and each of their steps comes to its end.</summary>
public sealed class HostileGuestTests : IDisposable
{
    private const int SeedsDefault = 40;
    private const int Steps = 50_000;

    private readonly string _path = Path.Combine(Path.GetTempPath(), $"cloud-hostile-{Guid.NewGuid():n}.raw");

    public HostileGuestTests() => File.WriteAllBytes(_path, new byte[1 << 20]);

    private static int Seeds => int.TryParse(Environment.GetEnvironmentVariable("CLOUD_FUZZ_SEEDS"), out int seeds) ? seeds : SeedsDefault;

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void RandomMemoryAsCode_InEveryModeAndScheme_ComesToItsEnd()
    {
        for (int seed = 1; seed <= Seeds; seed++)
        {
            var random = new Random(seed);
            byte[] memory = new byte[1 << 20];
            random.NextBytes(memory);
            using var board = new Board(memory, seed % 2 == 0, new MachineOptions { MemoryBytes = 2 << 20 });
            CsrFile csrs = board.Hart.Csrs;
            csrs.TryWrite((int)CsrAddress.Mtvec, MemoryMap.Ram + (ulong)random.Next(1 << 20) & ~3UL).ShouldBeTrue();
            csrs.TryWrite((int)CsrAddress.Pmpaddr0, ulong.MaxValue).ShouldBeTrue();
            csrs.TryWrite((int)CsrAddress.Pmpcfg0, 0x1F).ShouldBeTrue();
            csrs.TryWrite((int)CsrAddress.Satp, (ulong)(random.Next(3) * 4 + 4) << 60 | MemoryMap.Ram >> 12).ShouldBeTrue();
            csrs.Status = (ulong)random.NextInt64();
            for (int register = 1; register < 32; register++)
            {
                board[register] = Address(random);
            }

            board.Hart.Run(Steps);
        }
    }

    [Fact]
    public void RandomWritesToEveryDevice_HarmNothing()
    {
        for (int seed = 1; seed <= Seeds; seed++)
        {
            var random = new Random(seed);
            using Board board = WithDevices(random);
            for (int i = 0; i < 4000; i++)
            {
                ulong address = Device(random);
                int sizeLog2 = random.Next(4);
                address &= ~((1UL << sizeLog2) - 1);
                if (random.Next(3) == 0)
                {
                    board.Machine.Bus.Read(address, sizeLog2, out _);
                }
                else
                {
                    board.Machine.Bus.Write(address, sizeLog2, random.Next(4) == 0 ? Address(random) : (ulong)random.Next(16));
                }
            }
        }
    }

    [Fact]
    public void RandomRings_OfEveryDevice_HarmNothing()
    {
        for (int seed = 1; seed <= Seeds; seed++)
        {
            var random = new Random(seed);
            using Board board = WithDevices(random);
            for (ulong slot = 0; slot < MemoryMap.VirtioSlots; slot++)
            {
                for (int round = 0; round < 8; round++)
                {
                    DriveQueue(board, random, MemoryMap.Virtio + slot * MemoryMap.PageSize);
                }
            }
        }
    }

    [Fact]
    public void EndlessTrapLoop_LeavesTheLoopAfterItsSteps()
    {
        // The handler's address lies where nothing is: each trap's handler traps again.
        using var board = new Board(new Asm().Word(0xFFFFFFFF).Build(), translate: true);
        board.Hart.Csrs.TryWrite((int)CsrAddress.Mtvec, 0x40000000).ShouldBeTrue();
        board.Hart.Run(Steps);
        board.Hart.Retired.ShouldBe(0UL);
    }

    /// <summary>Brings a device to life as a driver would and lets it loose on descriptors of which some make sense.</summary>
    private static void DriveQueue(Board board, Random random, ulong slot)
    {
        const ulong Rings = MemoryMap.Ram + 0x10000;
        void Write(ulong offset, ulong value) => board.Machine.Bus.Write(slot + offset, 2, value & uint.MaxValue);
        Write(0x70, 0);
        Write(0x70, 0xB);
        Write(0x30, (ulong)random.Next(6));
        Write(0x38, random.Next(3) == 0 ? 3UL : 8);
        (ulong At, ulong Offset)[] parts = [(Rings, 0x80), (Rings + 0x1000, 0x90), (Rings + 0x2000, 0xA0)];
        foreach ((ulong at, ulong offset) in parts)
        {
            ulong start = random.Next(12) == 0 ? Address(random) : at;
            Write(offset, start);
            Write(offset + 4, start >> 32);
        }

        Write(0x44, 1);
        byte[] descriptors = new byte[8 * 16];
        random.NextBytes(descriptors);
        for (int i = 0; i < 8; i++)
        {
            ulong target = random.Next(6) == 0 ? Address(random) : MemoryMap.Ram + 0x40000 + (ulong)random.Next(0x1000);
            BitConverter.TryWriteBytes(descriptors.AsSpan(i * 16), target);
            BitConverter.TryWriteBytes(descriptors.AsSpan(i * 16 + 8), random.Next(4) == 0 ? random.Next() : random.Next(600));
            BitConverter.TryWriteBytes(descriptors.AsSpan(i * 16 + 12), (ushort)random.Next(8));
            BitConverter.TryWriteBytes(descriptors.AsSpan(i * 16 + 14), (ushort)random.Next(9));
        }

        board.Machine.Ram.Write(Rings, descriptors);
        byte[] available = new byte[32];
        random.NextBytes(available);
        for (int i = 0; i < 8; i++)
        {
            available[4 + i * 2] = (byte)random.Next(8);
            available[5 + i * 2] = 0;
        }

        BitConverter.TryWriteBytes(available.AsSpan(2), (ushort)random.Next(10));
        board.Machine.Ram.Write(Rings + 0x1000, available);
        Write(0x70, 0xF);
        Write(0x50, (ulong)random.Next(6));
    }

    private Board WithDevices(Random random) => new(new Asm().I(Op.Addi, 0, 0, 0).Build(), translate: true, new MachineOptions
    {
        MemoryBytes = 2 << 20,
        Virtio =
        [
            _ => new VirtioBlock(Disk(), "fuzz"),
            _ => new VirtioNet([2, 0, 0, 0, 0, 1], _ => { }),
            _ => new VirtioConsole([new ConsolePort(1, "a", _ => { }) { HostOpen = true }, new ConsolePort(3, "b", _ => { })]),
            _ => new VirtioEntropy(random.NextBytes),
            ram => new VirtioBalloon(ram),
            _ => new VirtioScsi(new ScsiCdRom(Disk())),
        ],
    });

    private RawDisk Disk() => new(File.OpenHandle(_path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite), readOnly: false);

    private static ulong Device(Random random)
    {
        (ulong Start, ulong Size)[] devices =
        [
            (MemoryMap.Virtio, 8 * MemoryMap.PageSize), (MemoryMap.Plic, MemoryMap.PlicSize), (MemoryMap.Clint, MemoryMap.ClintSize),
            (MemoryMap.Uart, MemoryMap.UartSize), (MemoryMap.Rtc, MemoryMap.PageSize), (MemoryMap.TestFinisher, 8),
        ];
        (ulong start, ulong size) = devices[random.Next(devices.Length)];
        ulong offset = (ulong)random.NextInt64((long)size);
        return start + (random.Next(2) == 0 ? offset & 0xFFF & (size - 1) : offset);
    }

    private static ulong Address(Random random) => random.Next(5) switch
    {
        0 => Device(random),
        1 => (ulong)random.NextInt64(),
        2 => MemoryMap.Ram + (2 << 20) - (ulong)random.Next(16),
        3 => ulong.MaxValue - (ulong)random.Next(16),
        _ => MemoryMap.Ram + (ulong)random.Next(2 << 20),
    };
}
