using System.Text.Json.Nodes;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Disks;

/// <summary>
/// A disk's files as QEMU's programs are told them: all of them by name, so that what a file's header names is never opened.
/// </summary>
internal static class DiskChain
{
    /// <param name="layers">The one that is written first, then what that lies over, nearest first.</param>
    /// <param name="readOnly">None of them is written.</param>
    public static JsonObject Of(IReadOnlyList<VmDiskLayer> layers, bool readOnly)
    {
        JsonObject? below = null;
        for (var at = layers.Count - 1; at >= 0; at--)
        {
            var (path, format, key) = layers[at];
            var node = new JsonObject
            {
                ["driver"] = format == VmDiskFormat.Qcow2 ? "qcow2" : "raw",
                ["read-only"] = readOnly || at > 0,
                ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = path, ["read-only"] = readOnly || at > 0 },
            };
            if (format == VmDiskFormat.Qcow2)
            {
                node["backing"] = below;
            }

            if (key is not null)
            {
                node["encrypt"] = new JsonObject { ["format"] = "luks", ["key-secret"] = DiskSecrets.IdOf(at) };
            }

            below = node;
        }

        return below!;
    }
}
