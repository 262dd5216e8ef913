using Cloud.BlockStorage.Contracts;
using Cloud.Oci;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Compute.Instances;

/// <summary>A volume that an instance was created with, as it waits for it.</summary>
/// <param name="Volume">Its id.</param>
internal sealed record AwaitedVolume(string Volume, bool ReadOnly, bool DeleteOnTermination);

/// <summary>The volumes that a create asks for, found free.</summary>
/// <param name="Host">Where they lie; null for none.</param>
/// <param name="Mounts">Where a container has them, by their ids; those that nothing was said of are not in it.</param>
internal sealed record InstanceVolumes(IReadOnlyList<AwaitedVolume> Awaited, string? Host, IReadOnlyDictionary<string, string> Mounts)
{
    /// <summary>With the root disk as many as a machine has at its start.</summary>
    private const int VolumesMax = 9;

    public static void Check(IReadOnlyList<RequestedVolume> requested, FieldErrors errors)
    {
        errors.Require(requested.Count <= VolumesMax, "volumes", $"At most {VolumesMax}.");
        for (var at = 0; at < Math.Min(requested.Count, VolumesMax); at++)
        {
            errors.Require(requested[at] is { Volume.Length: > 0 }, $"volumes[{at}]", "Expected a volume's id or name.");
            errors.Require(
                requested[at]?.MountPath is null || MountPoint.IsValid(requested[at].MountPath!), $"volumes[{at}].mountPath",
                MountPoint.Form);
        }

        var paths = requested.Select(volume => volume?.MountPath).OfType<string>().ToList();
        errors.Require(paths.Distinct(StringComparer.Ordinal).Count() == paths.Count, "volumes", "Two have the same mountPath.");
    }

    /// <exception cref="CloudException">There is no such volume, it is in use, or one lies elsewhere than the others.</exception>
    public static async Task<InstanceVolumes> FindAsync(
        IReadOnlyList<RequestedVolume> requested, Caller caller, IBlockStorage storage, CancellationToken ct)
    {
        var found = new List<BlockVolume>();
        for (var at = 0; at < requested.Count; at++)
        {
            var volume = await storage.FindVolumeAsync(caller.Project, requested[at].Volume, ct)
                ?? throw CloudException.Invalid($"volumes[{at}]", $"There is no volume '{requested[at].Volume}'.");
            if (found.Exists(other => other.Id == volume.Id))
            {
                throw CloudException.Invalid($"volumes[{at}]", $"Volume '{volume.Name}' is named twice.");
            }

            RequireFree(volume);
            found.Add(volume);
        }

        if (found.Select(volume => volume.Host).Distinct().Count() > 1)
        {
            throw CloudException.Conflict(
                "volume-elsewhere",
                "An instance's volumes lie on one host: " + string.Join(", ", found.Select(one => $"'{one.Name}' on '{one.Host}'")) + ".");
        }

        return new InstanceVolumes(
            found.Zip(requested, (volume, asked) => new AwaitedVolume(volume.Id, asked.ReadOnly, asked.DeleteOnTermination)).ToList(),
            found.FirstOrDefault()?.Host,
            found.Zip(requested).Where(pair => pair.Second.MountPath is not null)
                .ToDictionary(pair => pair.First.Id, pair => pair.Second.MountPath!, StringComparer.Ordinal));
    }

    private static void RequireFree(BlockVolume volume)
    {
        if (volume.Instance is { } instance)
        {
            throw new CloudException(ErrorKind.Conflict, "volume-in-use", $"Instance '{instance}' has volume '{volume.Name}'.")
            {
                Details = new Dictionary<string, object> { ["instance"] = instance },
            };
        }

        if (volume.Status != BlockVolume.Available)
        {
            throw CloudException.Conflict("volume-busy", $"Volume '{volume.Name}' is {volume.Status}.");
        }
    }
}
