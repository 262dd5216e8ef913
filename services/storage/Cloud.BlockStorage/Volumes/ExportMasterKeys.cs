using Cloud.BlockStorage.Persistence;
using Cloud.Compute.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.BlockStorage.Volumes;

/// <summary>The master keys as text: with one, what its host has on its disks is read again where the host's own file is lost.</summary>
internal static class ExportMasterKeys
{
    public static async Task<Page<HostMasterKey>> HandleAsync(
        Caller caller, HttpContext context, IVolumeHosts hosts, BlockStorageDbContext db, CancellationToken ct)
    {
        context.Response.Headers.CacheControl = "no-store";
        var keys = await hosts.ReadMasterKeysAsync(ct);
        foreach (var key in keys)
        {
            db.AddMasterKeyEvent(caller.Project, key.Host, "exported");
        }

        await db.SaveChangesAsync(ct);
        return new Page<HostMasterKey>(keys, null);
    }
}
