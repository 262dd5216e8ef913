using Cloud.Compute.Contracts;

namespace Cloud.BlockStorage.Volumes;

/// <summary>Has the keys of all encrypted volumes wrapped by new master keys. No byte of a volume is written anew.</summary>
internal static class RotateMasterKeys
{
    public static async Task<IResult> HandleAsync(IVolumeHosts hosts, CancellationToken ct)
    {
        await hosts.RotateMasterKeysAsync(ct);
        return TypedResults.NoContent();
    }
}
