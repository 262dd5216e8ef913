using Cloud.Primitives;

namespace Cloud.ServiceDefaults.Changes;

/// <summary>
/// A merge patch of labels (RFC 7396): a label set to null goes, others are added or replaced; null for all of them empties.
/// </summary>
public static class LabelPatch
{
    /// <exception cref="CloudException">A label's key or value has a wrong form, or there would be too many.</exception>
    public static Labels Apply(Labels labels, IReadOnlyDictionary<string, string?>? patch)
    {
        ArgumentNullException.ThrowIfNull(labels);
        if (patch is null)
        {
            return Labels.None;
        }

        var merged = new Dictionary<string, string>(labels);
        foreach (var (key, value) in patch)
        {
            if (value is null)
            {
                merged.Remove(key);
            }
            else
            {
                merged[key] = value;
            }
        }

        var errors = new FieldErrors();
        ResourceName.CheckLabels(merged, errors);
        errors.ThrowIfAny();
        return new Labels(merged);
    }
}
