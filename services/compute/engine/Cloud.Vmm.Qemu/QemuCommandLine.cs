using System.Globalization;
using System.Text.Json.Nodes;

namespace Cloud.Vmm.Qemu;

/// <summary>A machine's spec as QEMU's arguments. Pure: the same spec and descriptors give the same line.</summary>
internal static class QemuCommandLine
{
    /// <summary>No system call to start programs, gain rights, change limits, or that QEMU has no more use for.</summary>
    public const string Sandbox = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

    private const long Mebibyte = 1 << 20;
    private const string SeedNode = "d-seed";

    /// <summary>The least that memory differs by.</summary>
    private const long LeftOutBytes = 8 << 10;

    // TCG keeps translated code; by default it takes a gibibyte for a guest of any size.
    private const long TranslationMebibytesMin = 64;
    private const long TranslationMebibytesMax = 256;

    /// <summary>How much memory translated code may take: a quarter of the guest's, within bounds.</summary>
    public static long TranslationBytes(VmSpec spec) =>
        Math.Clamp(spec.MemoryBytes / Mebibyte / 4, TranslationMebibytesMin, TranslationMebibytesMax) * Mebibyte;

    /// <summary>
    /// How much memory the board has. An emulated one's is not a whole number of runs of 64 pages: for such memory QEMU before 9.0 gathers
    /// what was written run by run, and leaves out that pages in the processor's TLB are to be told of again ("physmem: Fix migration dirty
    /// bitmap coherency with TCG memory access", 2024). What a guest writes while it is saved or moved would be lost now and then.
    /// What goes on has what it had.
    /// </summary>
    public static long RamBytes(VmSpec spec) => SlotsOf(spec) is { } slots
        ? Math.Min(MachineSlots.MemoryOf(slots) ?? spec.MemoryBytes, spec.MemoryBytes)
        : spec.MemoryBytes - (spec.Engine == VmEngine.Emulation ? LeftOutBytes : 0);

    /// <param name="spec">The machine.</param>
    /// <param name="descriptors">What its process is given open.</param>
    /// <param name="hardwareCpu">The CPU that the host's hardware was found to offer.</param>
    /// <param name="runAs">The user that the process itself becomes; null where it is started as the one it shall be.</param>
    public static IReadOnlyList<string> Build(VmSpec spec, QemuDescriptors descriptors, string? hardwareCpu, int? runAs)
    {
        var board = QemuBoard.For(spec.Engine, spec.Architecture);
        List<string> line =
        [
            "-nodefaults", "-no-user-config", "-display", "none", "-vga", "none",
            "-sandbox", Sandbox,
            "-name", $"guest={spec.Id},debug-threads=on", "-uuid", spec.Uuid.ToString(),
            "-msg", "timestamp=on",

            // The guest waits for "cont": nothing of it runs before its limits and rights are set. At its end the process waits for
            // "quit", so that an agent that was away learns how it ended.
            "-S", "-action", "shutdown=pause,reboot=reset,panic=pause",
            "-machine", descriptors.Memory is null ? board.Machine : $"{board.Machine},memory-backend={board.MemoryName}",
            "-accel", Accelerator(spec),
            "-cpu", spec.Engine == VmEngine.Hardware ? hardwareCpu ?? board.HardwareCpus[0] : board.EmulatedCpu,
            "-smp", $"cpus={spec.Vcpus},sockets=1,cores={spec.Vcpus},threads=1",
            "-m", $"size={RamBytes(spec) >> 10}K",
            "-rtc", "base=utc",
        ];
        if (runAs is { } user)
        {
            line.AddRange(["-runas", RunAs(user)]);
        }

        if (descriptors.Memory is { } memory)
        {
            // Its own copy of what it writes.
            Add(
                line, "-object",
                ("qom-type", "memory-backend-file"), ("id", board.MemoryName), ("size", RamBytes(spec)),
                ("mem-path", $"/proc/self/fd/{memory}"), ("share", false),
                ("x-use-canonical-path-for-ramblock-id", false));
        }

        if (descriptors.State is not null || spec.AwaitedSlots is not null)
        {
            line.AddRange(["-incoming", "defer"]);
        }

        foreach (var (layer, file) in descriptors.Keys)
        {
            Add(line, "-object", ("qom-type", "secret"), ("id", DiskNodes.SecretOf(layer)), ("file", $"/proc/self/fd/{file}"));
        }

        line.AddRange(board.Buses);
        var slots = board.LateDisk is not null ? SlotsOf(spec) : null;
        AddChannels(line, board, descriptors, slots);
        AddKernel(line, spec, descriptors);
        for (var i = 0; i < spec.Disks.Count; i++)
        {
            AddDisk(line, board, spec.Disks[i], i, descriptors.Disks[i], boots: spec.Kernel is null, slots);
        }

        if (descriptors.Seed is { } seed)
        {
            line.AddRange(
            [
                "-add-fd", FdSet(seed),
                "-blockdev", DiskNodes.File(SeedNode, InFdSet(seed), readOnly: true).ToJsonString(),
                "-blockdev", DiskNodes.Format(SeedNode, VmDiskFormat.Raw, readOnly: true, below: null).ToJsonString(),
            ]);
            AddDevice(line, slots, "scsi", ("driver", board.Virtio("scsi")));
            Add(line, "-device", ("driver", "scsi-cd"), ("id", "cd"), ("bus", "scsi.0"), ("drive", SeedNode));
        }

        for (var i = 0; i < spec.Nics.Count; i++)
        {
            AddNic(line, board, spec.Nics[i], i, descriptors.NicFolders[i], slots);
        }

        AddDevice(line, slots, "rng", ("driver", board.Virtio("rng")), ("rng", "random"));
        AddDevice(
            line, slots, "balloon", ("driver", board.Virtio("balloon")), ("deflate-on-oom", true), ("free-page-reporting", true));
        for (var drive = board.EmptyDrives(spec.Disks.Count, spec.Nics.Count); drive > 0; drive--)
        {
            Add(line, "-device", ("driver", board.LateDisk));
        }

        if (board.PanicDevice is { } panic)
        {
            Add(line, "-device", ("driver", panic));
        }

        return line;
    }

    /// <summary>QEMU's form of a user and its group of the same number.</summary>
    public static string RunAs(int user) => string.Create(CultureInfo.InvariantCulture, $"{user}:{user}");

    private static string Accelerator(VmSpec spec) => spec.Engine switch
    {
        VmEngine.Hardware => "kvm",
        VmEngine.Simulation => "sim",
        _ => $"tcg,thread=multi,tb-size={TranslationBytes(spec) / Mebibyte}",
    };

    /// <summary>QMP, the console, the guest agent and the boot report.</summary>
    /// <summary>Of the machine that this one goes on from; null for one that boots.</summary>
    private static IReadOnlyDictionary<string, string>? SlotsOf(VmSpec spec) =>
        spec.From?.Slots ?? spec.Template?.Saved.Slots ?? spec.AwaitedSlots;

    private static void AddChannels(
        List<string> line, QemuBoard board, QemuDescriptors descriptors, IReadOnlyDictionary<string, string>? slots)
    {
        line.AddRange(
        [
            "-chardev", $"socket,id=qmp,fd={descriptors.Qmp},server=on,wait=off", "-mon", "chardev=qmp,mode=control",
            "-add-fd", FdSet(descriptors.ConsoleLog),
            "-chardev",
            $"socket,id=console,fd={descriptors.Console},server=on,wait=off,logfile={InFdSet(descriptors.ConsoleLog)},logappend=on",
            "-serial", "chardev:console",
            "-object", "rng-random,id=random,filename=/dev/urandom",
            "-chardev", $"socket,id=agent,fd={descriptors.Agent},server=on,wait=off",
            "-add-fd", FdSet(descriptors.BootReport),
            "-chardev", $"file,id=boot,path={InFdSet(descriptors.BootReport)},append=on",
        ]);
        AddDevice(line, slots, "ports", ("driver", board.Virtio("serial")));
        AddPort(line, 1, "agent", "org.qemu.guest_agent.0");
        AddPort(line, 2, "boot", "org.cloud.boot.0");
    }

    private static void AddPort(List<string> line, int number, string channel, string name) =>
        Add(line, "-device", ("driver", "virtserialport"), ("bus", "ports.0"), ("nr", number), ("chardev", channel), ("name", name));

    private static void AddKernel(List<string> line, VmSpec spec, QemuDescriptors descriptors)
    {
        if (descriptors.Kernel is not { } kernel)
        {
            return;
        }

        // QEMU opens these by name and not through its sets of descriptors.
        line.AddRange(["-kernel", $"/proc/self/fd/{kernel}", "-append", spec.Kernel!.CommandLine]);
        if (descriptors.Initrd is { } initrd)
        {
            line.AddRange(["-initrd", $"/proc/self/fd/{initrd}"]);
        }
    }

    private static void AddDisk(
        List<string> line, QemuBoard board, VmDisk disk, int index, IReadOnlyList<int> files, bool boots,
        IReadOnlyDictionary<string, string>? slots)
    {
        foreach (var (file, path) in files.Zip(disk.Backing.Select(layer => layer.Path).Prepend(disk.Path)))
        {
            line.AddRange(["-add-fd", $"{FdSet(file)},opaque={DiskNodes.LayerOf(disk.Serial, path)}"]);
        }

        if (DiskNodes.Limits(disk) is { } limits)
        {
            line.AddRange(["-object", limits.ToJsonString()]);
        }

        foreach (var node in DiskNodes.Of(disk, files.Select(InFdSet).ToList()))
        {
            line.AddRange(["-blockdev", node.ToJsonString()]);
        }

        var device = DiskNodes.Device(disk, board.Disk(index));
        if (boots && index == 0)
        {
            device["bootindex"] = 0;
        }

        if (board.DiskBus(index) is { } bus)
        {
            device["bus"] = bus;
        }

        AddDevice(line, slots, device);
    }

    private static void AddNic(
        List<string> line, QemuBoard board, VmNic nic, int index, (int Guest, int Switch) folders,
        IReadOnlyDictionary<string, string>? slots)
    {
        var id = $"net{index.ToString(CultureInfo.InvariantCulture)}";

        // The guest's end is bound at the start; the switch's is looked up by its name on every frame.
        Add(
            line, "-netdev",
            ("type", "dgram"), ("id", id),
            ("local", Json(("type", "unix"), ("path", InFolder(folders.Guest, nic.GuestSocketPath)))),
            ("remote", Json(("type", "unix"), ("path", InFolder(folders.Switch, nic.SwitchSocketPath)))));
        var device = Json(("driver", board.Virtio("net")), ("id", $"nic{index}"), ("netdev", id), ("mac", nic.MacAddress));
        if (board.HasOptionRoms)
        {
            // No boot from the network: its ROM would cost time at every boot.
            device["romfile"] = "";
        }

        AddDevice(line, slots, device);
    }

    private static void AddDevice(
        List<string> line, IReadOnlyDictionary<string, string>? slots, string id,
        params ReadOnlySpan<(string Name, JsonNode? Value)> members)
    {
        var device = Json(members);
        device["id"] = id;
        AddDevice(line, slots, device);
    }

    /// <summary>A device, in the slot where the saved state has it.</summary>
    private static void AddDevice(List<string> line, IReadOnlyDictionary<string, string>? slots, JsonObject device)
    {
        if (slots?.TryGetValue((string)device["id"]!, out var slot) == true)
        {
            device["addr"] = MachineSlots.AddressOf(slot);
            if (MachineSlots.BusOf(slot) is { } bus)
            {
                device["bus"] = bus;
            }
        }

        line.AddRange(["-device", device.ToJsonString()]);
    }

    private static void Add(List<string> line, string option, params ReadOnlySpan<(string Name, JsonNode? Value)> members) =>
        line.AddRange([option, Json(members).ToJsonString()]);

    private static JsonObject Json(params ReadOnlySpan<(string Name, JsonNode? Value)> members)
    {
        var json = new JsonObject();
        foreach (var (name, value) in members)
        {
            json[name] = value;
        }

        return json;
    }

    // A set of one, of the descriptor's own number.
    private static string FdSet(int descriptor) => $"fd={descriptor},set={descriptor}";

    private static string InFolder(int folder, string path) => $"/proc/self/fd/{folder}/{Path.GetFileName(path)}";

    private static string InFdSet(int descriptor) => $"/dev/fdset/{descriptor}";
}
