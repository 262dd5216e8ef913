using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Lists;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Images;

internal static class ListImages
{
    public static async Task<Page<ImageView>> HandleAsync(
        Caller caller, ListQuery list, HttpContext context, ComputeDbContext db, CancellationToken ct)
    {
        var rows = db.Images.AsNoTracking().VisibleTo(caller);
        if (list.Name is { } name)
        {
            rows = rows.Where(image => image.Name == name);
        }

        if (list.Status is { } statusText)
        {
            var status = EnumWords.Parse<ImageStatus>(statusText, "status");
            rows = rows.Where(image => image.Status == status);
        }

        foreach (var (key, value) in list.Labels)
        {
            var line = Labels.Line(key, value);
            rows = rows.Where(image => image.LabelText.Contains(line));
        }

        if (list.After is { } after)
        {
            rows = rows.Where(image => string.Compare((string)(object)image.Id, after) > 0);
        }

        var found = await rows.OrderBy(image => image.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, image => image.Id.Value, ImageView.From);
    }
}
