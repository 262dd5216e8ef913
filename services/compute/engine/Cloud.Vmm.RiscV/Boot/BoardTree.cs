using Cloud.Vmm.RiscV.Cpu;

namespace Cloud.Vmm.RiscV.Boot;

/// <summary>The board's device tree: what is there, as firmware and kernels know it from QEMU's virt machine.</summary>
internal static class BoardTree
{
    private const string Isa = "rv64imafdc_zicntr_zicsr_zifencei_zba_zbb_zbs_sstc";
    private const uint SupervisorExternal = 9;
    private const uint MachineExternal = 11;
    private const uint MachineSoftware = 3;
    private const uint MachineTimer = 7;
    private const uint UartClock = 3686400;

    // Handles: the harts' interrupt controllers, then the harts, then the two below.
    private const uint PlicHandle = 0x80;
    private const uint FinisherHandle = 0x81;

    internal static byte[] Build(MachineOptions options, ulong initrdStart, ulong initrdEnd, ReadOnlySpan<byte> randomSeed)
    {
        byte[] seed = randomSeed.ToArray();
        var tree = new DeviceTreeBuilder();
        tree.Node("", () =>
        {
            tree.Cells("#address-cells", 2);
            tree.Cells("#size-cells", 2);
            tree.Strings("compatible", "riscv-virtio");
            tree.Strings("model", "riscv-virtio,qemu");
            tree.Node("chosen", () => Chosen(tree, options, initrdStart, initrdEnd, seed));
            tree.Node($"memory@{MemoryMap.Ram:x}", () =>
            {
                tree.Strings("device_type", "memory");
                tree.Region(MemoryMap.Ram, options.MemoryBytes);
            });
            tree.Node("cpus", () => Harts(tree, options.Harts));
            tree.Node("soc", () => Soc(tree, options.Harts));
            tree.Node("poweroff", () => Syscon(tree, "syscon-poweroff", Devices.TestFinisher.PowerOff));
            tree.Node("reboot", () => Syscon(tree, "syscon-reboot", Devices.TestFinisher.Restart));
        });
        return tree.Build();
    }

    private static void Chosen(DeviceTreeBuilder tree, MachineOptions options, ulong initrdStart, ulong initrdEnd, byte[] seed)
    {
        tree.Strings("stdout-path", $"/soc/serial@{MemoryMap.Uart:x}");
        tree.Bytes("rng-seed", seed);
        if (options.CommandLine.Length > 0)
        {
            tree.Strings("bootargs", options.CommandLine);
        }

        if (initrdEnd > initrdStart)
        {
            tree.Cells("linux,initrd-start", (uint)(initrdStart >> 32), (uint)initrdStart);
            tree.Cells("linux,initrd-end", (uint)(initrdEnd >> 32), (uint)initrdEnd);
        }
    }

    private static void Harts(DeviceTreeBuilder tree, int harts)
    {
        tree.Cells("#address-cells", 1);
        tree.Cells("#size-cells", 0);
        tree.Cells("timebase-frequency", (uint)IClock.TicksPerSecond);
        for (uint hart = 0; hart < harts; hart++)
        {
            uint id = hart;
            tree.Node($"cpu@{id:x}", () =>
            {
                tree.Cells("phandle", HartHandle(id));
                tree.Strings("device_type", "cpu");
                tree.Cells("reg", id);
                tree.Strings("status", "okay");
                tree.Strings("compatible", "riscv");
                tree.Strings("riscv,isa", Isa);
                tree.Strings("mmu-type", "riscv,sv48");
                tree.Node("interrupt-controller", () =>
                {
                    tree.Cells("#interrupt-cells", 1);
                    tree.Flag("interrupt-controller");
                    tree.Strings("compatible", "riscv,cpu-intc");
                    tree.Cells("phandle", InterruptHandle(id));
                });
            });
        }

        tree.Node("cpu-map", () => tree.Node("cluster0", () =>
        {
            for (uint hart = 0; hart < harts; hart++)
            {
                uint id = hart;
                tree.Node($"core{id}", () => tree.Cells("cpu", HartHandle(id)));
            }
        }));
    }

    private static void Soc(DeviceTreeBuilder tree, int harts)
    {
        tree.Cells("#address-cells", 2);
        tree.Cells("#size-cells", 2);
        tree.Strings("compatible", "simple-bus");
        tree.Flag("ranges");
        tree.Node(
            $"rtc@{MemoryMap.Rtc:x}",
            () => Device(tree, MemoryMap.Rtc, MemoryMap.PageSize, MemoryMap.RtcInterrupt, "google,goldfish-rtc"));
        tree.Node($"serial@{MemoryMap.Uart:x}", () =>
        {
            Device(tree, MemoryMap.Uart, MemoryMap.UartSize, MemoryMap.UartInterrupt, "ns16550a");
            tree.Cells("clock-frequency", UartClock);
        });
        tree.Node($"test@{MemoryMap.TestFinisher:x}", () =>
        {
            tree.Cells("phandle", FinisherHandle);
            tree.Region(MemoryMap.TestFinisher, MemoryMap.PageSize);
            tree.Strings("compatible", "sifive,test1", "sifive,test0", "syscon");
        });

        // Kernels probe in the order of the tree.
        foreach (int slot in Enumerable.Range(0, MemoryMap.VirtioSlots).Select(MemoryMap.VirtioSlot))
        {
            ulong start = MemoryMap.VirtioAddress(slot);
            int interrupt = MemoryMap.VirtioInterruptOf(slot);
            tree.Node($"virtio_mmio@{start:x}", () => Device(tree, start, MemoryMap.PageSize, interrupt, "virtio,mmio"));
        }

        tree.Node($"plic@{MemoryMap.Plic:x}", () => Plic(tree, harts));
        tree.Node($"clint@{MemoryMap.Clint:x}", () =>
        {
            tree.Cells("interrupts-extended", PerHart(harts, MachineSoftware, MachineTimer));
            tree.Region(MemoryMap.Clint, MemoryMap.ClintSize);
            tree.Strings("compatible", "sifive,clint0", "riscv,clint0");
        });
    }

    private static void Plic(DeviceTreeBuilder tree, int harts)
    {
        tree.Cells("phandle", PlicHandle);
        tree.Cells("riscv,ndev", MemoryMap.InterruptSources - 1);
        tree.Region(MemoryMap.Plic, MemoryMap.PlicSize);
        tree.Cells("interrupts-extended", PerHart(harts, MachineExternal, SupervisorExternal));
        tree.Flag("interrupt-controller");
        tree.Strings("compatible", "sifive,plic-1.0.0", "riscv,plic0");
        tree.Cells("#address-cells", 0);
        tree.Cells("#interrupt-cells", 1);
    }

    private static void Device(DeviceTreeBuilder tree, ulong start, ulong size, int interrupt, string compatible)
    {
        tree.Cells("interrupts", (uint)interrupt);
        tree.Cells("interrupt-parent", PlicHandle);
        tree.Region(start, size);
        tree.Strings("compatible", compatible);
    }

    private static void Syscon(DeviceTreeBuilder tree, string compatible, uint value)
    {
        tree.Strings("compatible", compatible);
        tree.Cells("regmap", FinisherHandle);
        tree.Cells("offset", 0);
        tree.Cells("value", value);
    }

    private static uint[] PerHart(int harts, uint first, uint second) =>
        [.. Enumerable.Range(0, harts).Select(hart => InterruptHandle((uint)hart))
            .SelectMany(handle => (uint[])[handle, first, handle, second])];

    private static uint InterruptHandle(uint hart) => 1 + hart;

    private static uint HartHandle(uint hart) => 0x40 + hart;
}
