using Cloud.Vmm.RiscV.Disks;
using Cloud.Vmm.Runner.Options;
using Microsoft.Win32.SafeHandles;

namespace Cloud.Vmm.Runner.Disks;

/// <summary>
/// The nodes of the block layer, by their names. What lies below a qcow2 file is what its option names, never what its header does. One
/// command at a time; whether a drive uses a node is the drives' to say.
/// </summary>
internal sealed class BlockNodes(HostFiles files) : IDisposable
{
    private const int NodesMax = 4096;

    private readonly Dictionary<string, BlockNode> _nodes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (long Operations, long Bytes)> _limits = new(StringComparer.Ordinal);

    internal IEnumerable<string> Names => _nodes.Keys;

    /// <summary>The ids of the limits that nodes can be given.</summary>
    internal IEnumerable<string> Limits => _limits.Keys;

    /// <summary>Makes a node.</summary>
    /// <exception cref="OptionException">It cannot be made, or there is one of that name.</exception>
    internal void Add(Properties block)
    {
        string name = block.Required("node-name");
        if (_nodes.ContainsKey(name) || _nodes.Count >= NodesMax)
        {
            throw new OptionException($"There are two of '{name}', or more than {NodesMax} block nodes.");
        }

        _nodes.Add(name, Make(name, block));
    }

    /// <summary>Takes a node away that nothing stands on.</summary>
    /// <exception cref="OptionException">There is none, or it is in use.</exception>
    internal void Delete(string name, bool inUse)
    {
        BlockNode node = Find(name);
        if (inUse || _nodes.Values.Any(other => other.Over == node || other.Below == node))
        {
            throw new OptionException($"Node {name} is in use");
        }

        _nodes.Remove(name);
        Close(node);
    }

    /// <summary>The node of a disk.</summary>
    /// <exception cref="OptionException">There is none, or it is a bare file.</exception>
    internal BlockNode FindDisk(string name) =>
        Find(name) is { Disk: not null } node ? node : throw new OptionException($"The block node '{name}' is no disk.");

    /// <summary>
    /// Lays an empty node over another: whoever used that one uses the overlay from here on, and it is written no more. The drives stand
    /// still.
    /// </summary>
    /// <exception cref="OptionException">The overlay is no qcow2, is over something, or is in use already.</exception>
    internal void LayOver(BlockNode node, BlockNode overlay)
    {
        CheckOverlay(node, overlay);
        node.Disk!.Flush();
        ((Qcow2Disk)overlay.Disk!).PutOver(node.Disk);
        foreach (BlockNode above in _nodes.Values.Where(other => other.Below == node))
        {
            above.Below = overlay;
            ((ThrottledDisk)above.Disk!).Below = overlay.Disk;
        }

        overlay.Below = node;
        if (node.Over?.File is { } file)
        {
            ImageLock.OnlyRead(file);
        }
    }

    internal void CheckOverlay(BlockNode node, BlockNode overlay)
    {
        bool fits = overlay is { Disk: Qcow2Disk, Below: null, ReadOnly: false } && overlay != node
            && _nodes.Values.All(other => other.Below != overlay && (other.Below != node || other.Disk is ThrottledDisk));
        if (!fits)
        {
            throw new OptionException($"'{overlay.Name}' cannot be laid over '{node.Name}'.");
        }
    }

    /// <summary>Makes limits that nodes can be given.</summary>
    /// <exception cref="OptionException">It is no throttle group, or there is one of that name.</exception>
    internal void AddLimits(Properties made)
    {
        if (!_limits.TryAdd(made.Required("id"), (made.LongNumber("limits.iops-total"), made.LongNumber("limits.bps-total"))))
        {
            throw new OptionException($"There are two of '{made.Required("id")}'.");
        }
    }

    /// <exception cref="OptionException">There are none of that name.</exception>
    internal void DeleteLimits(string id)
    {
        if (!_limits.Remove(id))
        {
            throw new OptionException($"object '{id}' not found");
        }
    }

    /// <summary>Flushes and closes all; what cannot be written is told and does not keep the others open.</summary>
    public void Dispose()
    {
        foreach (BlockNode node in _nodes.Values.Reverse())
        {
            try
            {
                Close(node);
            }
            catch (IOException failed)
            {
                Console.Error.WriteLine($"cloud-vmm: block node '{node.Name}': {failed.Message}");
            }
        }

        _nodes.Clear();
    }

    private static void Close(BlockNode node)
    {
        if ((node.File ?? node.Over?.File) is { IsClosed: false } file)
        {
            // A set of descriptors may hold the same open file for longer.
            ImageLock.Release(file);
        }

        node.Disk?.Dispose();
        node.File?.Dispose();
    }

    private BlockNode Make(string name, Properties block)
    {
        bool readOnly = block.Flag("read-only");
        switch (block.Required("driver"))
        {
            case "file":
                return MakeFile(name, block, readOnly);
            case "raw":
                BlockNode rawFile = FileOf(name, block, readOnly);
                return new BlockNode { Name = name, Disk = new RawDisk(rawFile.File!, readOnly), Over = rawFile, ReadOnly = readOnly };
            case "qcow2":
                BlockNode? below = block.Text("backing") is { } backing ? FindDisk(backing) : null;
                BlockNode file = FileOf(name, block, readOnly);
                try
                {
                    var disk = new Qcow2Disk(file.File!, below?.Disk, readOnly);
                    return new BlockNode { Name = name, Disk = disk, Over = file, Below = below, ReadOnly = readOnly };
                }
                catch (Exception damaged) when (damaged is InvalidDataException or IOException)
                {
                    throw new OptionException($"The block node '{name}': {damaged.Message}");
                }

            case "throttle":
                string group = block.Required("throttle-group");
                if (!_limits.TryGetValue(group, out (long Operations, long Bytes) limits))
                {
                    throw new OptionException($"There is no throttle group '{group}'.");
                }

                BlockNode of = FindDisk(block.Required("file"));
                var throttled = new ThrottledDisk(of.Disk!, limits.Operations, limits.Bytes);
                return new BlockNode { Name = name, Disk = throttled, Below = of, ReadOnly = of.ReadOnly };
            case var driver:
                throw new OptionException($"The block driver '{driver}' is not known.");
        }
    }

    /// <summary>The file of a format: a node of its own, or written in place.</summary>
    private BlockNode FileOf(string name, Properties block, bool readOnly)
    {
        if (block.Text("file") is not { } file)
        {
            return MakeFile(name, block, readOnly);
        }

        BlockNode node = Find(file);
        return node.File is not null && _nodes.Values.All(other => other.Over != node)
            ? node
            : throw new OptionException($"The block node '{file}' is no file, or it is used twice.");
    }

    private BlockNode MakeFile(string name, Properties block, bool readOnly)
    {
        string path = block.Text("filename") ?? block.Required("file.filename");
        SafeFileHandle file = files.Open(path, readOnly ? FileAccess.Read : FileAccess.ReadWrite);
        if (block.Flag("locking"))
        {
            try
            {
                ImageLock.Take(file, readOnly);
            }
            catch
            {
                file.Dispose();
                throw;
            }
        }

        return new BlockNode { Name = name, File = file, Disk = new RawDisk(file, readOnly), ReadOnly = readOnly };
    }

    private BlockNode Find(string name) =>
        _nodes.TryGetValue(name, out BlockNode? node) ? node : throw new OptionException($"Cannot find device= nor node-name={name}");
}
