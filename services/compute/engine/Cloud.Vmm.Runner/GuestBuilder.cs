using System.Globalization;
using System.Security.Cryptography;
using Cloud.Vmm.RiscV;
using Cloud.Vmm.RiscV.Boot;
using Cloud.Vmm.RiscV.Devices.Virtio;
using Cloud.Vmm.RiscV.Devices.Virtio.Balloon;
using Cloud.Vmm.RiscV.Devices.Virtio.Console;
using Cloud.Vmm.RiscV.Devices.Virtio.Entropy;
using Cloud.Vmm.RiscV.Devices.Virtio.Net;
using Cloud.Vmm.RiscV.Devices.Virtio.Scsi;
using Cloud.Vmm.RiscV.Jit;
using Cloud.Vmm.RiscV.Memory;
using Cloud.Vmm.Runner.Channels;
using Cloud.Vmm.Runner.Disks;
using Cloud.Vmm.Runner.Options;

namespace Cloud.Vmm.Runner;

/// <summary>Builds the machine that the command line describes.</summary>
internal sealed class GuestBuilder
{
    private readonly RunnerOptions _options;
    private readonly HostFiles _files;
    private readonly BlockNodes _nodes;
    private readonly Drives _drives;
    private readonly ChannelBuilder _channels;
    private readonly List<IChannel> _made = [];
    private readonly List<IDisposable> _links = [];
    private readonly Func<GuestRam, VirtioDevice>?[] _virtio = new Func<GuestRam, VirtioDevice>?[MemoryMap.VirtioSlots];
    private VirtioBalloon? _balloon;

    internal GuestBuilder(RunnerOptions options, HostFiles files, ChannelBuilder channels, BlockNodes nodes)
    {
        _options = options;
        _channels = channels;
        _files = files;
        _nodes = nodes;
        _drives = new Drives(nodes);
    }

    /// <exception cref="OptionException">The command line asks for what is not there.</exception>
    internal GuestMachine Build()
    {
        foreach (Properties limits in _options.Objects.Values.Where(made => made.Text("qom-type") == "throttle-group"))
        {
            _nodes.AddLimits(limits);
        }

        _options.Blocks.ForEach(_nodes.Add);
        Dictionary<string, int> places = PlaceAll();

        IChannel? console = null;
        List<IChannel> outputs = [];
        if (_options.Serial is { } serial)
        {
            (console, IChannel? log) = Channel(serial);
            outputs = log is null ? [console] : [log, console];
        }

        var output = new SerialOutput(outputs);
        Machine machine = MakeMachine(output);
        if (console is not null)
        {
            console.Input = machine.Uart.Receive;
            machine.Uart.InputTaken = console.RoomMade;
        }

        return new GuestMachine
        {
            Machine = machine,
            Serial = output,
            Channels = _made,
            Links = _links,
            Nodes = _nodes,
            Drives = _drives,
            Places = places,
            Balloon = _balloon,
        };
    }

    private Machine MakeMachine(SerialOutput output)
    {
        try
        {
            return new Machine(new MachineOptions
            {
                Harts = _options.Harts,
                MemoryBytes = _options.MemoryBytes,
                Firmware = Image(_options.Firmware),
                Kernel = Image(_options.Kernel),
                Initrd = Image(_options.Initrd),
                Memory = Memory(),
                AwaitsState = _options.Incoming is not null,
                CommandLine = _options.CommandLine,
                Deterministic = _options.Deterministic,
                Translate = _options.Translate && TranslatedCode.IsSupported,
                Console = output.Add,
                Virtio = _virtio,
            });
        }
        catch (Exception impossible)
            when (impossible is ArgumentException or IOException or InvalidDataException or InsufficientMemoryException)
        {
            throw new OptionException(impossible.Message);
        }
    }

    private static BootImage? Image(string? path) => path is null ? null : new BootImage(() => HostFiles.OpenToRead(path));

    /// <summary>The file that the machine's memory is, where the line has one.</summary>
    private MemoryBacking? Memory()
    {
        if (_options.MemoryObject is not { } id)
        {
            return null;
        }

        if (!_options.Objects.TryGetValue(id, out Properties? memory) || memory.Text("qom-type") != "memory-backend-file"
            || (ulong)memory.LongNumber("size") != _options.MemoryBytes)
        {
            throw new OptionException($"There is no memory '{id}' of the machine's size in a file.");
        }

        bool shared = memory.Flag("share");
        return new MemoryBacking(_files.Open(memory.Required("mem-path"), shared ? FileAccess.ReadWrite : FileAccess.Read), shared);
    }

    /// <summary>
    /// Gives each device its place in the order that a guest finds them in: those that name one (addr=PLACE.0) have it, the others take
    /// what is left, in the order of the line.
    /// </summary>
    /// <returns>The places by the devices' ids.</returns>
    private Dictionary<string, int> PlaceAll()
    {
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        List<Properties> devices = [.. _options.Devices.Where(device => device.Text("driver") is not ("virtserialport" or "scsi-cd"))];
        foreach (Properties device in devices.Where(device => device.Text("addr") is not null))
        {
            Place(device, PlaceOf(device.Required("addr")), places);
        }

        foreach (Properties device in devices.Where(device => device.Text("addr") is null))
        {
            int free = Array.IndexOf(_virtio, null);
            Place(device, free >= 0 ? free : throw new OptionException($"The board has {_virtio.Length} virtio slots."), places);
        }

        return places;
    }

    private void Place(Properties device, int place, Dictionary<string, int> places)
    {
        if (_virtio[place] is not null)
        {
            throw new OptionException($"Two devices at the place {place}.");
        }

        _virtio[place] = Make(device, place);
        if (device.Text("id") is { } id && !places.TryAdd(id, place))
        {
            throw new OptionException($"There are two of '{id}'.");
        }
    }

    /// <summary>The place of an address of QEMU's form, slot and function, both hexadecimal; the function is 0.</summary>
    private static int PlaceOf(string address) =>
        int.TryParse(address.Split('.')[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int place)
        && place is >= 0 and < MemoryMap.VirtioSlots
            ? place
            : throw new OptionException($"The board has no place '{address}'.");

    private Func<GuestRam, VirtioDevice> Make(Properties device, int place)
    {
        string driver = device.Required("driver");
        switch (driver)
        {
            case "virtio-blk-device":
                VirtioDevice drive = _drives.Make(device, place);
                return _ => drive;
            case "virtio-net-device":
                return MakeNetwork(device);
            case "virtio-serial-device":
                return MakePorts(device.Text("id") ?? "");
            case "virtio-scsi-device":
                return MakeCdDrive(device.Text("id") ?? "");
            case "virtio-rng-device":
                return _ => new VirtioEntropy(RandomNumberGenerator.Fill);
            case "virtio-balloon-device":
                return ram => _balloon = new VirtioBalloon(ram);
            default:
                throw new OptionException($"The device '{driver}' is not known.");
        }
    }

    private Func<GuestRam, VirtioDevice> MakeNetwork(Properties device)
    {
        string id = device.Required("netdev");
        if (!_options.Networks.TryGetValue(id, out Properties? network) || network.Text("type") != "dgram")
        {
            throw new OptionException($"There is no network '{id}' of type dgram.");
        }

        byte[] mac = Mac(device.Required("mac"));
        string local = network.Required("local.path");
        string remote = network.Required("remote.path");
        return _ =>
        {
            var link = new DatagramLink(local, remote);
            var net = new VirtioNet(mac, link.Send);
            link.Received = net.Receive;
            link.Start();
            _links.Add(link);
            return net;
        };
    }

    private Func<GuestRam, VirtioDevice> MakePorts(string id)
    {
        List<ConsolePort> ports = [];
        foreach (Properties port in _options.Devices.Where(other => On(other, "virtserialport", id)))
        {
            (IChannel channel, IChannel? log) = Channel(port.Required("chardev"));
            var made = new ConsolePort(port.Number("nr", ports.Count + 1), port.Required("name"), bytes =>
            {
                log?.Write(bytes);
                channel.Write(bytes);
            })
            {
                HostOpen = channel.AlwaysOpen,
                RoomMade = channel.RoomMade,
            };
            channel.Input = made.Receive;
            channel.OpenChanged = open => made.HostOpen = open;
            ports.Add(made);
        }

        return _ => new VirtioConsole(ports);
    }

    private Func<GuestRam, VirtioDevice> MakeCdDrive(string id)
    {
        List<Properties> drives = [.. _options.Devices.Where(other => On(other, "scsi-cd", id))];
        if (drives.Count != 1)
        {
            throw new OptionException("A SCSI host has one scsi-cd.");
        }

        var disc = new ScsiCdRom(_nodes.FindDisk(drives[0].Required("drive")).Disk!);
        return _ => new VirtioScsi(disc);
    }

    private (IChannel Channel, IChannel? Log) Channel(string id)
    {
        (IChannel channel, IChannel? log) = _channels.Build(id);
        _made.Add(channel);
        if (log is not null)
        {
            _made.Add(log);
        }

        return (channel, log);
    }

    private static bool On(Properties device, string driver, string id) =>
        device.Text("driver") == driver && (device.Text("bus") is not { } bus || bus == $"{id}.0");

    private static byte[] Mac(string text)
    {
        string[] parts = text.Split(':');
        byte[] mac = new byte[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!byte.TryParse(parts[i], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out mac[i]))
            {
                throw new OptionException($"'{text}' is no MAC address.");
            }
        }

        return mac.Length == 6 ? mac : throw new OptionException($"'{text}' is no MAC address.");
    }
}
