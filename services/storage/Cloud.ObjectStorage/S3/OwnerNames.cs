using System.Collections.Concurrent;

namespace Cloud.ObjectStorage.S3;

/// <summary>The names of projects, as the keys of their callers told them: what S3 shows beside an owner's id.</summary>
internal sealed class OwnerNames
{
    private const int KnownMax = 10_000;

    private readonly ConcurrentDictionary<string, string> _known = new(StringComparer.Ordinal);

    public void Learn(string project, string name)
    {
        if (name.Length > 0 && !(_known.TryGetValue(project, out var known) && known == name))
        {
            if (_known.Count >= KnownMax)
            {
                _known.Clear();
            }

            _known[project] = name;
        }
    }

    /// <summary>Empty where nobody of the project has called yet.</summary>
    public string Of(string project) => _known.GetValueOrDefault(project, "");
}
