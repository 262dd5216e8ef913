using System.Net.Mime;
using Cloud.Backup.Persistence;
using Cloud.Backup.Vaults;
using Cloud.Backup.Vaults.FileSystems;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.RecoveryPoints;

/// <summary>A file of a recovery point.</summary>
/// <param name="Mode">Its permissions in octal digits.</param>
public sealed record PointFileView(string Path, Ext4FileType Type, long SizeBytes, string Mode, DateTimeOffset ModifiedAt);

/// <summary><c>GET …/files?path=</c>: lists a folder, or sends a file, of a volume's file system, without restoring it.</summary>
internal static class ReadFiles
{
    private const int PathLengthMax = 4096;

    public static async Task<IResult> HandleAsync(
        string id, string? path, string? disk, Caller caller, HttpContext context, BackupDbContext db, OpenVaults vaults,
        CancellationToken ct)
    {
        var asked = path ?? "/";
        if (asked.Length > PathLengthMax || !asked.StartsWith('/') || asked.Contains('\0', StringComparison.Ordinal))
        {
            throw CloudException.Invalid("path", $"Expected an absolute path of at most {PathLengthMax} characters.");
        }

        var row = await db.RecoveryPoints.AsNoTracking().FindVisibleAsync(caller, id, ct);
        row.RequireRestorable();
        try
        {
            var vault = await vaults.OpenAsync(row.Vault, ct);
            var point = await vault.ReadPointAsync(row.Id.Value, row.Digest, ct);
            var stream = point.Streams.FirstOrDefault(one => disk is null || one.Name == disk);
            var content = vault.OpenStream(stream ?? throw CloudException.NotFound("disk", disk ?? ""));
            context.Response.RegisterForDisposeAsync(content);
            var files = await Ext4.OpenAsync(content, ct)
                ?? throw CloudException.Conflict("no-file-system", "The recovery point holds no ext2, ext3 or ext4 file system.");
            var file = await files.FindAsync(asked, ct) ?? throw CloudException.NotFound("file", asked);
            return file.Type == Ext4FileType.Folder
                ? TypedResults.Json(await ListAsync(files, file, asked, ct), JsonDefaults.Options)
                : Send(context, files, file);
        }
        catch (VaultException damaged)
        {
            throw CloudException.Conflict("recovery-point-damaged", damaged.Message);
        }
    }

    private static async Task<Page<PointFileView>> ListAsync(Ext4 files, Ext4File folder, string path, CancellationToken ct) => new(
        [.. (await files.ListAsync(folder, ct)).Select(file => new PointFileView(
            $"{path.TrimEnd('/')}/{file.Name}", file.Type, file.SizeBytes, Convert.ToString(file.Mode, 8), file.ModifiedAt))],
        null);

    private static PushStreamHttpResult Send(HttpContext context, Ext4 files, Ext4File file)
    {
        // Somebody's file must not be a page of this origin.
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.Headers.ContentSecurityPolicy = "sandbox";
        context.Response.ContentLength = file.SizeBytes;
        return TypedResults.Stream(body => files.CopyAsync(file, body, context.RequestAborted), MediaTypeNames.Application.Octet);
    }
}
