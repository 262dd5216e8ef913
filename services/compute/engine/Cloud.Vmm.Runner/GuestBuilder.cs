using System.Globalization;
using System.Security.Cryptography;
using Cloud.Vmm.RiscV;
using Cloud.Vmm.RiscV.Devices.Virtio;
using Cloud.Vmm.RiscV.Devices.Virtio.Balloon;
using Cloud.Vmm.RiscV.Devices.Virtio.Block;
using Cloud.Vmm.RiscV.Devices.Virtio.Console;
using Cloud.Vmm.RiscV.Devices.Virtio.Entropy;
using Cloud.Vmm.RiscV.Devices.Virtio.Net;
using Cloud.Vmm.RiscV.Devices.Virtio.Scsi;
using Cloud.Vmm.RiscV.Memory;
using Cloud.Vmm.Runner.Channels;
using Cloud.Vmm.Runner.Options;

namespace Cloud.Vmm.Runner;

/// <summary>Builds the machine that the command line describes.</summary>
internal sealed class GuestBuilder
{
    private readonly RunnerOptions _options;
    private readonly DiskBuilder _disks;
    private readonly ChannelBuilder _channels;
    private readonly List<IChannel> _made = [];
    private readonly List<IDisposable> _links = [];
    private readonly List<(string Id, string Node, VirtioBlock Disk)> _blocks = [];
    private readonly List<Func<GuestRam, VirtioDevice>> _virtio = [];
    private VirtioBalloon? _balloon;

    internal GuestBuilder(RunnerOptions options, HostFiles files, ChannelBuilder channels)
    {
        _options = options;
        _channels = channels;
        _disks = new DiskBuilder(options, files);
    }

    /// <exception cref="OptionException">The command line asks for what is not there.</exception>
    internal GuestMachine Build()
    {
        foreach (Properties device in _options.Devices)
        {
            Plug(device);
        }

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
            Disks = _blocks,
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
                Firmware = _options.Firmware is null ? null : HostFiles.ReadAll(_options.Firmware),
                Kernel = _options.Kernel is null ? null : HostFiles.ReadAll(_options.Kernel),
                Initrd = _options.Initrd is null ? null : HostFiles.ReadAll(_options.Initrd),
                CommandLine = _options.CommandLine,
                Deterministic = _options.Deterministic,
                Console = output.Add,
                Virtio = _virtio,
            });
        }
        catch (Exception impossible) when (impossible is ArgumentException or InvalidDataException or InsufficientMemoryException)
        {
            throw new OptionException(impossible.Message);
        }
    }

    private void Plug(Properties device)
    {
        string driver = device.Required("driver");
        switch (driver)
        {
            case "virtio-blk-device":
                PlugDisk(device);
                break;
            case "virtio-net-device":
                PlugNetwork(device);
                break;
            case "virtio-serial-device":
                PlugPorts(device.Text("id") ?? "");
                break;
            case "virtserialport":
                // Plugged with the device that holds it.
                break;
            case "virtio-scsi-device":
                PlugDrive(device.Text("id") ?? "");
                break;
            case "scsi-cd":
                // Plugged with its host.
                break;
            case "virtio-rng-device":
                _virtio.Add(_ => new VirtioEntropy(RandomNumberGenerator.Fill));
                break;
            case "virtio-balloon-device":
                _virtio.Add(ram => _balloon = new VirtioBalloon(ram));
                break;
            default:
                throw new OptionException($"The device '{driver}' is not known.");
        }
    }

    private void PlugDisk(Properties device)
    {
        string node = device.Required("drive");
        var disk = new VirtioBlock(_disks.Build(node), device.Text("serial") ?? "");
        _blocks.Add((device.Text("id") ?? "", node, disk));
        _virtio.Add(_ => disk);
    }

    private void PlugNetwork(Properties device)
    {
        string id = device.Required("netdev");
        if (!_options.Networks.TryGetValue(id, out Properties? network) || network.Text("type") != "dgram")
        {
            throw new OptionException($"There is no network '{id}' of type dgram.");
        }

        byte[] mac = Mac(device.Required("mac"));
        string local = network.Required("local.path");
        string remote = network.Required("remote.path");
        _virtio.Add(_ =>
        {
            var link = new DatagramLink(local, remote);
            var net = new VirtioNet(mac, link.Send);
            link.Received = net.Receive;
            link.Start();
            _links.Add(link);
            return net;
        });
    }

    private void PlugPorts(string id)
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

        _virtio.Add(_ => new VirtioConsole(ports));
    }

    private void PlugDrive(string id)
    {
        List<Properties> drives = [.. _options.Devices.Where(other => On(other, "scsi-cd", id))];
        if (drives.Count != 1)
        {
            throw new OptionException("A SCSI host has one scsi-cd.");
        }

        var disc = new ScsiCdRom(_disks.Build(drives[0].Required("drive")));
        _virtio.Add(_ => new VirtioScsi(disc));
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
