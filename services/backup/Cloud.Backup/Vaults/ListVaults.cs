using Cloud.Backup.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Vaults;

internal static class ListVaults
{
    public static async Task<Page<VaultView>> HandleAsync(
        Caller caller, ListQuery list, HttpContext context, BackupDbContext db, CancellationToken ct)
    {
        var rows = db.Vaults.AsNoTracking().Existing().Where(vault => vault.Project == caller.Project);
        if (list.Name is { } name)
        {
            rows = rows.Where(vault => vault.Name == name);
        }

        if (list.Status is { } statusText)
        {
            var status = EnumWords.Parse<VaultStatus>(statusText, "status");
            rows = rows.Where(vault => vault.Status == status);
        }

        foreach (var (key, value) in list.Labels)
        {
            var line = Labels.Line(key, value);
            rows = rows.Where(vault => vault.LabelText.Contains(line));
        }

        if (list.After is { } after)
        {
            rows = rows.Where(vault => string.Compare((string)(object)vault.Id, after) > 0);
        }

        var found = await rows.OrderBy(vault => vault.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, vault => vault.Id.Value, VaultView.From);
    }
}
