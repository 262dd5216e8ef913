using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Cloud.Vmm.Qemu;

/// <summary>
/// A disk as QEMU's block nodes, one for each file of its chain and one for its limits. The same JSON is an option of the command line and
/// an argument of QMP. A file's node is named by the file, so that what comes above or below it later changes no other's name.
/// </summary>
internal static class DiskNodes
{
    private const string Prefix = "d-";

    // With the longest serial a name has the 31 characters that QEMU allows.
    private const int TagLength = 8;
    private const string TagDigits = "abcdefghijklmnopqrstuvwxyz234567";

    /// <summary>The id of the disk's device.</summary>
    public static string DeviceOf(string serial) => Prefix + serial;

    /// <summary>The disk of a device; null for a device that is none.</summary>
    public static string? SerialOf(string device) =>
        device.StartsWith(Prefix, StringComparison.Ordinal) ? device[Prefix.Length..] : null;

    /// <summary>The node of a file.</summary>
    public static string LayerOf(string serial, string path)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFileName(path)));
        return $"{Prefix}{serial}-{string.Concat(hash.Take(TagLength).Select(octet => TagDigits[octet % TagDigits.Length]))}";
    }

    /// <summary>Whether a node is of one of the disk's files.</summary>
    public static bool IsLayerOf(string serial, string node) =>
        node.Length == Prefix.Length + serial.Length + 1 + TagLength
        && node.StartsWith($"{Prefix}{serial}-", StringComparison.Ordinal) && node[^TagLength..].All(TagDigits.Contains);

    /// <summary>The node below that, of the bytes on the host.</summary>
    public static string FileOf(string layer) => $"f{layer[1..]}";

    /// <summary>The object of the passphrase that opens a file.</summary>
    public static string SecretOf(string layer) => $"s{layer[1..]}";

    /// <summary>The node that keeps the limits, and the object that has them.</summary>
    public static string LimitOf(string serial) => $"{Prefix}{serial}-limit";

    /// <summary>The node that the device reads and writes.</summary>
    public static string RootOf(VmDisk disk) =>
        disk.Limits is null ? LayerOf(disk.Serial, disk.Path) : LimitOf(disk.Serial);

    /// <summary>All nodes, each after those that it stands on.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="files">QEMU's names of its files: its own first, then its layers, nearest first.</param>
    public static IEnumerable<JsonObject> Of(VmDisk disk, IReadOnlyList<string> files)
    {
        string? below = null;
        for (var layer = disk.Backing.Count; layer >= 0; layer--)
        {
            var name = LayerOf(disk.Serial, layer == 0 ? disk.Path : disk.Backing[layer - 1].Path);
            var (format, readOnly) = layer == 0 ? (disk.Format, disk.ReadOnly) : (disk.Backing[layer - 1].Format, true);
            var isEncrypted = (layer == 0 ? disk.Key : disk.Backing[layer - 1].Key) is not null;
            yield return File(name, files[layer], readOnly);
            yield return Format(name, format, readOnly, below, isEncrypted);
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
    public static JsonObject Format(string name, VmDiskFormat format, bool readOnly, string? below, bool isEncrypted = false)
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

        if (isEncrypted)
        {
            node["encrypt"] = new JsonObject { ["format"] = "luks", ["key-secret"] = SecretOf(name) };
        }

        return node;
    }

    /// <summary>The nodes of the disk's encrypted files, with what opens each.</summary>
    public static IEnumerable<(string Layer, VmDiskKey Key)> KeysOf(VmDisk disk) =>
        disk.Backing.Prepend(new VmDiskLayer(disk.Path, disk.Format, disk.Key)).Where(layer => layer.Key is not null)
            .Select(layer => (LayerOf(disk.Serial, layer.Path), layer.Key!));

    /// <summary>The object of a passphrase, for QMP.</summary>
    public static JsonObject Secret(string layer, VmDiskKey key) =>
        new() { ["qom-type"] = "secret", ["id"] = SecretOf(layer), ["data"] = key.Passphrase };

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
    public static JsonObject Device(VmDisk disk, string driver)
    {
        var device = new JsonObject
        {
            ["driver"] = driver,
            ["id"] = DeviceOf(disk.Serial),
            ["drive"] = RootOf(disk),
            ["serial"] = disk.Serial,
        };
        if (disk.WriteThrough)
        {
            device["write-cache"] = "off";
        }

        return device;
    }
}
