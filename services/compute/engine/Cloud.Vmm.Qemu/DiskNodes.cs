using System.Globalization;
using System.Text.Json.Nodes;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// A disk as QEMU's block nodes, one for each file of its chain and one for its limits. The same JSON is an option of the command line and
/// an argument of QMP. Files are counted from the deepest, so that one that is laid on top later changes no other's name.
/// </summary>
internal static class DiskNodes
{
    private const string Prefix = "d-";

    /// <summary>The id of the disk's device.</summary>
    public static string DeviceOf(string serial) => Prefix + serial;

    /// <summary>The disk of a device; null for a device that is none.</summary>
    public static string? SerialOf(string device) =>
        device.StartsWith(Prefix, StringComparison.Ordinal) ? device[Prefix.Length..] : null;

    /// <summary>The node of a file.</summary>
    public static string LayerOf(string serial, int level) =>
        $"{Prefix}{serial}-{level.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>The node below that, of the bytes on the host.</summary>
    public static string FileOf(string layer) => $"{layer}-file";

    /// <summary>The node that keeps the limits, and the object that has them.</summary>
    public static string LimitOf(string serial) => $"{Prefix}{serial}-limit";

    /// <summary>The node that the device reads and writes.</summary>
    public static string RootOf(VmDisk disk) =>
        disk.Limits is null ? LayerOf(disk.Serial, disk.Backing.Count) : LimitOf(disk.Serial);

    /// <summary>All nodes, each after those that it stands on.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="files">QEMU's names of its files: its own first, then its layers, nearest first.</param>
    public static IEnumerable<JsonObject> Of(VmDisk disk, IReadOnlyList<string> files)
    {
        string? below = null;
        for (var layer = disk.Backing.Count; layer >= 0; layer--)
        {
            var name = LayerOf(disk.Serial, disk.Backing.Count - layer);
            var (format, readOnly) = layer == 0 ? (disk.Format, disk.ReadOnly) : (disk.Backing[layer - 1].Format, true);
            yield return File(name, files[layer], readOnly);
            yield return Format(name, format, readOnly, below);
            below = name;
        }

        if (disk.Limits is not null)
        {
            yield return new JsonObject
            {
                ["driver"] = "throttle",
                ["node-name"] = LimitOf(disk.Serial),
                ["throttle-group"] = LimitOf(disk.Serial),
                ["file"] = below,
            };
        }
    }

    public static JsonObject File(string name, string file, bool readOnly) => new()
    {
        ["driver"] = "file",
        ["node-name"] = FileOf(name),
        ["filename"] = file,
        ["read-only"] = readOnly,
        ["locking"] = "on",
        ["discard"] = "unmap",
    };

    /// <summary>What lies below is named, or is nothing: no header of a file is asked.</summary>
    public static JsonObject Format(string name, VmDiskFormat format, bool readOnly, string? below)
    {
        var node = new JsonObject
        {
            ["driver"] = format == VmDiskFormat.Qcow2 ? "qcow2" : "raw",
            ["node-name"] = name,
            ["file"] = FileOf(name),
            ["read-only"] = readOnly,
            ["discard"] = "unmap",
        };
        if (format == VmDiskFormat.Qcow2)
        {
            node["backing"] = below;
        }

        return node;
    }

    /// <summary>The object of the limits; null where there are none.</summary>
    public static JsonObject? Limits(VmDisk disk)
    {
        if (disk.Limits is not { } limits)
        {
            return null;
        }

        var most = new JsonObject();
        if (limits.OperationsPerSecond is { } operations)
        {
            most["iops-total"] = operations;
        }

        if (limits.BytesPerSecond is { } bytes)
        {
            most["bps-total"] = bytes;
        }

        return new JsonObject { ["qom-type"] = "throttle-group", ["id"] = LimitOf(disk.Serial), ["limits"] = most };
    }

    /// <summary>The device, but for its place on the board.</summary>
    public static JsonObject Device(VmDisk disk, string driver) => new()
    {
        ["driver"] = driver,
        ["id"] = DeviceOf(disk.Serial),
        ["drive"] = RootOf(disk),
        ["serial"] = disk.Serial,
    };
}
