using Cloud.Vmm.RiscV.Devices.Virtio.Block;
using Cloud.Vmm.Runner.Options;

namespace Cloud.Vmm.Runner.Disks;

/// <summary>
/// The drives of the board: each a virtio block device in its slot for as long as the machine is, with a disk in it or empty. One command
/// at a time.
/// </summary>
internal sealed class Drives(BlockNodes nodes)
{
    private readonly object _lock = new();
    private readonly List<Drive> _drives = [];

    /// <summary>Told of the id of each device that the guest has let go of.</summary>
    internal Action<string>? Deleted { get; set; }

    /// <summary>The drives that hold a disk, in the order that the guest finds them.</summary>
    internal IReadOnlyList<Drive> Loaded
    {
        get
        {
            lock (_lock)
            {
                return [.. _drives.Where(drive => drive.Node is not null)];
            }
        }
    }

    /// <summary>Runs a command over nodes and drives while nobody else changes them.</summary>
    internal T InTurn<T>(Func<T> command)
    {
        lock (_lock)
        {
            return command();
        }
    }

    /// <summary>Makes a drive of the board, with the disk that the device names, or empty.</summary>
    /// <exception cref="OptionException">There is no such disk, or it is in a drive.</exception>
    internal VirtioBlock Make(Properties device, int place)
    {
        var drive = new Drive { Place = place, Block = new VirtioBlock() };
        drive.Block.LetGo = () => ThreadPool.QueueUserWorkItem(_ => Eject(drive));
        if (device.Text("drive") is not null)
        {
            Load(drive, device);
        }

        _drives.Add(drive);
        return drive.Block;
    }

    /// <summary>Puts a disk into the first drive that is empty.</summary>
    /// <exception cref="OptionException">None is, or there is no such disk.</exception>
    internal void Plug(Properties device)
    {
        lock (_lock)
        {
            Drive free = _drives.Where(drive => drive.Node is null).MinBy(drive => drive.Place)
                ?? throw new OptionException("Every drive of the board holds a disk.");
            Load(free, device);
        }
    }

    /// <summary>Asks the guest to let go of a disk.</summary>
    /// <exception cref="OptionException">No drive holds it.</exception>
    internal void Unplug(string id)
    {
        lock (_lock)
        {
            Drive drive = _drives.Find(drive => drive.Id == id && drive.Node is not null)
                ?? throw new OptionException($"Device '{id}' not found");
            drive.Block.AskToLetGo();
        }
    }

    /// <summary>Whether a drive is at a place.</summary>
    internal bool Has(int place) => _drives.Exists(drive => drive.Place == place);

    /// <summary>Whether a drive has its disk from a node.</summary>
    internal bool Uses(string node) => _drives.Exists(drive => drive.Node == node);

    /// <summary>Lays an empty disk over each of those named, all or none.</summary>
    /// <exception cref="OptionException">A node is none that this can be done with.</exception>
    internal void LayOver(IReadOnlyList<(string Node, string Overlay)> pairs)
    {
        lock (_lock)
        {
            List<(BlockNode Node, BlockNode Overlay)> found =
                [.. pairs.Select(pair => (nodes.FindDisk(pair.Node), nodes.FindDisk(pair.Overlay)))];
            found.ForEach(pair => nodes.CheckOverlay(pair.Node, pair.Overlay));
            foreach ((BlockNode node, BlockNode overlay) in found)
            {
                LayOver(node, overlay);
            }
        }
    }

    /// <summary>Makes a disk larger; the guest is told.</summary>
    /// <exception cref="OptionException">There is no such disk, or it would be smaller.</exception>
    internal void Resize(string name, long sizeBytes)
    {
        const int SectorBytes = 512;
        lock (_lock)
        {
            BlockNode node = nodes.FindDisk(name);
            if (node.ReadOnly || sizeBytes < node.Disk!.SizeBytes || sizeBytes % SectorBytes != 0)
            {
                throw new OptionException("A disk can grow, by whole sectors, and where it is not read-only.");
            }

            if (_drives.Find(drive => drive.Node == name) is { } drive)
            {
                drive.Block.Grow(sizeBytes);
            }
            else
            {
                node.Disk.Grow(sizeBytes);
            }
        }
    }

    /// <summary>Makes all that the guest wrote durable.</summary>
    internal void Flush()
    {
        foreach (Drive drive in Loaded)
        {
            drive.Block.Flush();
        }
    }

    private void LayOver(BlockNode node, BlockNode overlay)
    {
        Drive? of = _drives.Find(drive => drive.Node == node.Name);
        if (of is not null)
        {
            of.Block.Replace(() =>
            {
                nodes.LayOver(node, overlay);
                return overlay.Disk;
            });
            of.Node = overlay.Name;
        }
        else if (_drives.Find(drive => drive.Node is { } top && nodes.FindDisk(top).Below == node) is { } limited)
        {
            limited.Block.Replace(() =>
            {
                nodes.LayOver(node, overlay);
                return null;
            });
        }
        else
        {
            nodes.LayOver(node, overlay);
        }
    }

    private void Load(Drive drive, Properties device)
    {
        string node = device.Required("drive");
        string id = device.Text("id") ?? "";
        if (Uses(node) || (id.Length > 0 && _drives.Exists(other => other.Id == id)))
        {
            throw new OptionException($"The block node '{node}', or the device '{id}', is used twice.");
        }

        BlockNode disk = nodes.FindDisk(node);
        try
        {
            drive.Block.Insert(disk.Disk!, device.Text("serial") ?? "");
        }
        catch (ArgumentException refused)
        {
            throw new OptionException(refused.Message);
        }

        (drive.Id, drive.Node) = (id, node);
    }

    private void Eject(Drive drive)
    {
        string id;
        lock (_lock)
        {
            if (drive.Node is null)
            {
                return;
            }

            try
            {
                drive.Block.Eject();
            }
            catch (IOException failed)
            {
                // The node stays until its own end, where its last bytes are tried again.
                Console.Error.WriteLine($"cloud-vmm: a disk that leaves cannot be flushed: {failed.Message}");
                return;
            }

            (id, drive.Id, drive.Node) = (drive.Id, "", null);
        }

        Deleted?.Invoke(id);
    }
}

/// <summary>A drive, and what is in it.</summary>
internal sealed class Drive
{
    /// <summary>Its place in the order that the guest finds devices in.</summary>
    internal required int Place { get; init; }

    internal required VirtioBlock Block { get; init; }

    /// <summary>The device's id, of the disk that is in it.</summary>
    internal string Id { get; set; } = "";

    /// <summary>The name of its disk's node; null where it is empty.</summary>
    internal string? Node { get; set; }
}
