using System.Collections.Concurrent;
using System.Security.Cryptography;
using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;

namespace Cloud.Backup.Tests.Kit;

/// <summary>Buckets whose versions are bytes in memory.</summary>
internal sealed class FakeBuckets : IBuckets
{
    private const string MadeFor = "made-for";

    private readonly Lock _changing = new();
    private readonly Dictionary<string, StoredBucket> _buckets = [];
    private readonly Dictionary<string, List<(StoredVersion Version, byte[] Bytes)>> _versions = [];
    private long _now = 1000;

    /// <summary>The keys that were read, as often as they were.</summary>
    public ConcurrentQueue<string> Reads { get; } = new();

    public StoredBucket Add(string name, IReadOnlyDictionary<string, string>? labels = null, string versioning = "Enabled")
    {
        lock (_changing)
        {
            var id = $"bkt-{++_now:00000000000000000000000000}";
            _versions[id] = [];
            return _buckets[id] = new StoredBucket(
                id, name, "project", versioning, """{"policy":"{}"}""", labels ?? new Dictionary<string, string>());
        }
    }

    /// <summary>Writes a version; null for a delete marker.</summary>
    public void Put(string bucket, string key, byte[]? bytes, bool isReadable = true)
    {
        lock (_changing)
        {
            var now = ++_now;
            Append(bucket, new StoredVersion(
                key, -now, $"v{now}", bytes is null, bytes?.Length ?? 0, Convert.ToHexStringLower(SHA256.HashData(bytes ?? [])), now,
                """{"ct":"text/plain","t":{"a":"b"}}""", 1, 0, false, true, isReadable), bytes ?? []);
        }
    }

    /// <summary>What a bucket holds, of each key the oldest first.</summary>
    public IReadOnlyList<(string Key, bool IsMarker, string Attributes, string Content)> ContentOf(string bucket)
    {
        lock (_changing)
        {
            return [.. _versions[bucket].OrderBy(one => one.Version.Key, StringComparer.Ordinal).ThenByDescending(one => one.Version.Rank)
                .Select(one => (
                    one.Version.Key, one.Version.IsDeleteMarker, one.Version.Attributes,
                    Convert.ToHexStringLower(SHA256.HashData(one.Bytes))))];
        }
    }

    public IReadOnlyList<string> Names()
    {
        lock (_changing)
        {
            return [.. _buckets.Values.Select(bucket => bucket.Name)];
        }
    }

    public Task<StoredBucket?> FindAsync(string project, string bucket, CancellationToken ct)
    {
        lock (_changing)
        {
            return Task.FromResult(_buckets.Values.FirstOrDefault(one => one.Id == bucket || one.Name == bucket));
        }
    }

    public Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct)
    {
        lock (_changing)
        {
            return Task.FromResult<IReadOnlyList<string>>([.. _buckets.Values.Where(
                one => labels.All(label => one.Labels.GetValueOrDefault(label.Key) == label.Value)).Select(one => one.Id)]);
        }
    }

    /// <summary>In pages of two.</summary>
    public Task<VersionPage> ListVersionsAsync(string bucketId, VersionPlace? after, CancellationToken ct)
    {
        lock (_changing)
        {
            var rest = _versions[bucketId].Select(one => one.Version)
                .OrderBy(one => one.Key, StringComparer.Ordinal).ThenBy(one => one.Rank)
                .Where(one => after is null || string.CompareOrdinal(one.Key, after.Key) > 0
                    || (one.Key == after.Key && one.Rank > after.Rank))
                .ToList();
            return Task.FromResult(new VersionPage(
                rest.Take(2).ToList(), rest.Count > 2 ? new VersionPlace(rest[1].Key, rest[1].Rank) : null));
        }
    }

    public Task<Stream?> ReadAsync(string bucketId, string key, string versionId, CancellationToken ct)
    {
        lock (_changing)
        {
            Reads.Enqueue(key);
            return Task.FromResult<Stream?>(new MemoryStream(_versions[bucketId].Single(
                one => one.Version.Key == key && one.Version.VersionId == versionId).Bytes));
        }
    }

    public async Task<StoredBucket> CreateAsync(string project, string projectName, string name, string owner, CancellationToken ct) =>
        await FindAsync(project, name, ct) is not { } there
            ? Add(name, new Dictionary<string, string> { [MadeFor] = owner })
            : there.Labels.GetValueOrDefault(MadeFor) == owner ? there : throw CloudException.Conflict("name-taken", "It is taken.");

    public async Task WriteAsync(string bucketId, StoredVersion version, Stream content, CancellationToken ct)
    {
        using var bytes = new MemoryStream();
        await content.CopyToAsync(bytes, ct);
        lock (_changing)
        {
            var now = ++_now;
            Append(bucketId, version with { Rank = -now, VersionId = $"v{now}" }, bytes.ToArray());
        }
    }

    public Task FinishAsync(string bucketId, StoredBucket like, CancellationToken ct)
    {
        lock (_changing)
        {
            _buckets[bucketId] = _buckets[bucketId] with { Settings = like.Settings, Versioning = like.Versioning, Labels = like.Labels };
            return Task.CompletedTask;
        }
    }

    /// <summary>Buckets, by their ids, that the next replacement leaves in its middle.</summary>
    public ConcurrentDictionary<string, CloudException> Replacements { get; } = new();

    public Task ReplaceAsync(string bucketId, string withBucketId, string versioning, CancellationToken ct)
    {
        lock (_changing)
        {
            _versions[bucketId] = [.. _versions[withBucketId]];
            var fails = Replacements.TryRemove(bucketId, out var left);
            _buckets[bucketId] = _buckets[bucketId] with { Versioning = fails ? "Enabled" : versioning };
            return fails ? Task.FromException(left!) : Task.CompletedTask;
        }
    }

    public async Task DeleteAsync(string project, string bucket, CancellationToken ct)
    {
        if (await FindAsync(project, bucket, ct) is { } found)
        {
            lock (_changing)
            {
                _buckets.Remove(found.Id);
                _versions.Remove(found.Id);
            }
        }
    }

    private void Append(string bucket, StoredVersion version, byte[] bytes) => _versions[bucket].Add((version, bytes));
}
