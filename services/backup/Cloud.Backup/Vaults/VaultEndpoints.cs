using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.OpenApi;

namespace Cloud.Backup.Vaults;

internal static class VaultEndpoints
{
    public static void MapVaults(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/vaults").WithTags("Vaults").RequireRole(Role.Viewer);
        read.MapGet("/", ListVaults.HandleAsync).WithName("ListVaults").WithSummary("Lists the project's vaults");
        read.MapGet("/{id}", GetVault.HandleAsync).WithName("GetVault").WithSummary("Shows one vault");

        var change = routes.MapGroup("/v1/vaults").WithTags("Vaults").RequireRole(Role.Editor);
        change.MapPost("/", CreateVault.HandleAsync).WithName("CreateVault")
            .WithSummary("Makes a vault: the cloud's own, a bucket of any S3 endpoint, or a folder")
            .WithExample("""{"name": "offsite", "lockDays": 30}""");
        change.MapPatch("/{id}", PatchVault.HandleAsync).WithName("PatchVault")
            .WithSummary("Renames or labels a vault, or locks it longer");
        change.MapPost("/{id}/verify", VerifyVault.HandleAsync).WithName("VerifyVault")
            .WithSummary("Reads all of a vault and names what is damaged");

        var own = routes.MapGroup("/v1/vaults").WithTags("Vaults").RequireRole(Role.Owner);
        own.MapDelete("/{id}", DeleteVault.HandleAsync).WithName("DeleteVault").WithSummary("Removes a vault and all that it holds");
        own.MapGet("/{id}/key", ExportVaultKey.HandleAsync).WithName("ExportVaultKey")
            .WithSummary("Gives out the vault's key: with it and a copy of the vault, all is restored without this cloud");
    }
}
