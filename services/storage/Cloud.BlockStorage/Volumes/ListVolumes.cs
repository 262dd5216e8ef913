using Cloud.BlockStorage.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.BlockStorage.Volumes;

internal static class ListVolumes
{
    public static async Task<Page<VolumeView>> HandleAsync(
        Caller caller, ListQuery list, HttpContext context, BlockStorageDbContext db, CancellationToken ct)
    {
        var rows = db.Volumes.AsNoTracking().Existing().Where(volume => volume.Project == caller.Project);
        if (list.Name is { } name)
        {
            rows = rows.Where(volume => volume.Name == name);
        }

        if (list.Status is { } statusText)
        {
            var status = EnumWords.Parse<VolumeStatus>(statusText, "status");
            rows = rows.Where(volume => volume.Status == status);
        }

        foreach (var (key, value) in list.Labels)
        {
            var line = Labels.Line(key, value);
            rows = rows.Where(volume => volume.LabelText.Contains(line));
        }

        if (list.After is { } after)
        {
            rows = rows.Where(volume => string.Compare((string)(object)volume.Id, after) > 0);
        }

        var found = await rows.OrderBy(volume => volume.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, volume => volume.Id.Value, VolumeView.From);
    }
}
