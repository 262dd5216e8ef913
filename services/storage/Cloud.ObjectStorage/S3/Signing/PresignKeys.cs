using System.Collections.Concurrent;
using Cloud.Identity.Contracts;
using Cloud.ObjectStorage.Blobs;

namespace Cloud.ObjectStorage.S3.Signing;

/// <summary>
/// The keys that sign the URLs which the REST API gives out: one a project and right, of a secret that never leaves the service. What
/// such a
/// URL opens is its one object, for the time that it says.
/// </summary>
internal sealed class PresignKeys(ObjectKeys keys)
{
    private const string ReadPrefix = "PRESIGNR";
    private const string WritePrefix = "PRESIGNW";
    private const string ProjectPrefix = "prj-";
    private const int KnownMax = 1000;

    private readonly ConcurrentDictionary<string, AccessKey> _known = new(StringComparer.Ordinal);

    /// <summary>The key for a project's URLs.</summary>
    /// <param name="writes">It may do more than read.</param>
    public AccessKey For(string project, bool writes)
    {
        var id = (writes ? WritePrefix : ReadPrefix) + Tail(project);
        if (_known.TryGetValue(id, out var known))
        {
            return known;
        }

        if (_known.Count >= KnownMax)
        {
            _known.Clear();
        }

        return _known[id] = new AccessKey(new AccessKeySecret
        {
            AccessKeyId = id,
            SecretAccessKey = keys.SecretFor("presign:" + id),
            Subject = "presigned",
            Project = project,
            ProjectName = "",
            Buckets = [],
            ReadOnly = !writes,
            ExpiresAt = null,
        });
    }

    /// <returns>Null where it is a key of another kind.</returns>
    public AccessKey? Find(string accessKeyId) => accessKeyId.StartsWith(ReadPrefix, StringComparison.Ordinal)
        ? For(Project(accessKeyId[ReadPrefix.Length..]), writes: false)
        : accessKeyId.StartsWith(WritePrefix, StringComparison.Ordinal)
            ? For(Project(accessKeyId[WritePrefix.Length..]), writes: true)
            : null;

    private static string Tail(string project) => (project.StartsWith(ProjectPrefix, StringComparison.Ordinal)
        ? project[ProjectPrefix.Length..] : project).ToUpperInvariant();

    private static string Project(string tail) => ProjectPrefix + tail.ToLowerInvariant();
}
