using Cloud.Primitives;
using Cloud.ServiceDefaults.Lists;

namespace Cloud.Identity.Persistence;

/// <summary>What every list of this service can be asked.</summary>
internal static class ListFilters
{
    /// <summary>Those of the asked name that have all of the asked labels.</summary>
    public static IQueryable<TRow> Matching<TRow>(this IQueryable<TRow> rows, ListQuery list)
        where TRow : class, INamed
    {
        if (list.Name is { } name)
        {
            rows = rows.Where(row => row.Name == name);
        }

        foreach (var (key, value) in list.Labels)
        {
            var line = Labels.Line(key, value);
            rows = rows.Where(row => row.LabelText.Contains(line));
        }

        return rows;
    }
}
