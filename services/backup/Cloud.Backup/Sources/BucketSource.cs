using System.Text.Json;
using Cloud.Backup.Vaults;
using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;

namespace Cloud.Backup.Sources;

/// <summary>Buckets: their settings, and each version of their objects as a stream of its own.</summary>
internal sealed class BucketSource(IBuckets buckets, TimeProvider time) : IBackupSource
{
    private const string Settings = "bucket";
    private const string Version = "version";

    /// <summary>A label of what a restore makes: the job that made it.</summary>
    private const string RestoredBy = "restored-by";

    /// <summary>What was there and only a customer's key opens.</summary>
    private const string LeftOut = "leftOut";

    public string Kind => "bucket";

    public bool RunsOnTheHost => false;

    public bool Owns(string resource) => resource.StartsWith("bkt-", StringComparison.Ordinal);

    public async Task<string?> FindNameAsync(string project, string resource, CancellationToken ct) =>
        (await buckets.FindAsync(project, resource, ct))?.Name;

    public Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct) =>
        buckets.ListAsync(project, labels, ct);

    public async Task<TakenBackup> BackUpAsync(BackupRun run, CancellationToken ct)
    {
        var bucket = await RequireAsync(run.Project, run.Resource, ct);
        var takenAt = time.GetUtcNow();
        var versions = await ListVersionsAsync(bucket.Id, ct);
        var earlier = (run.Earlier?.Streams ?? []).ToDictionary(stream => Identity(VersionOf(stream)), StringComparer.Ordinal);
        var streams = new List<PointStream>();
        run.Progress.Expect(versions.Where(one => one.IsReadable && !earlier.ContainsKey(Identity(one))).Sum(one => one.SizeBytes));
        foreach (var version in versions.Where(version => version.IsReadable))
        {
            if (await StoreAsync(run, bucket, version, earlier.GetValueOrDefault(Identity(version)), streams.Count, ct) is { } stored)
            {
                streams.Add(stored);
            }
        }

        return new TakenBackup(Kind, bucket.Name, takenAt, streams, null)
        {
            Properties = new Dictionary<string, JsonElement>
            {
                [Settings] = Json(bucket),
                [LeftOut] = Json(versions.Where(version => !version.IsReadable).Select(version => version.Key).Distinct()),
            },
        };
    }

    public async Task<string> RestoreAsync(RestoreRun run, string name, CancellationToken ct)
    {
        if (await buckets.FindAsync(run.Project, name, ct) is { } done && done.Labels.GetValueOrDefault(RestoredBy) == run.Job)
        {
            return done.Id;
        }

        var like = SettingsOf(run.Point);
        var made = await FillAsync(run, name, like, ct);
        await buckets.FinishAsync(
            made.Id, like with { Labels = new Dictionary<string, string>(like.Labels) { [RestoredBy] = run.Job } }, ct);
        return made.Id;
    }

    public async Task<string> RestoreInPlaceAsync(RestoreRun run, CancellationToken ct)
    {
        var bucket = await RequireAsync(run.Project, run.Point.Resource, ct);
        var (filled, safety) = (NameOfFilled(run.Job), NameOfSafety(run.Job));
        var made = await FillAsync(run, filled, bucket, ct);
        var kept = await buckets.FindAsync(run.Project, safety, ct);
        if (kept is null || kept.Labels.Count > 0)
        {
            // It carries the label of its making until it holds everything.
            kept = await buckets.CreateAsync(run.Project, bucket.ProjectName, safety, run.Job, ct);
            await buckets.ReplaceAsync(kept.Id, bucket.Id, kept.Versioning, ct);
            kept = kept with { Versioning = bucket.Versioning, Labels = new Dictionary<string, string>() };
            await buckets.FinishAsync(kept.Id, kept, ct);
        }

        await run.KeepAsync(safety);

        // Of the safety copy: an attempt before this one may have left the bucket itself half filled, with another versioning.
        await buckets.ReplaceAsync(bucket.Id, made.Id, kept.Versioning, ct);
        await buckets.DeleteAsync(run.Project, filled, ct);
        return safety;
    }

    public async Task UndoAsync(string project, string resource, string safety, CancellationToken ct)
    {
        var bucket = await RequireAsync(project, resource, ct);
        var kept = await RequireAsync(project, safety, ct);
        await buckets.ReplaceAsync(bucket.Id, kept.Id, kept.Versioning, ct);
        await buckets.DeleteAsync(project, safety, ct);
    }

    /// <summary>Fills a bucket that is thrown away, and reads it back.</summary>
    public async Task<TryResult> TryAsync(RestoreRun run, CancellationToken ct)
    {
        var name = NameOfTry(run.Job);
        try
        {
            var made = await FillAsync(run, name, SettingsOf(run.Point), ct, locks: false);
            var restored = (await ListVersionsAsync(made.Id, ct)).ToLookup(one => (one.Key, one.ModifiedAt, one.ETag));
            foreach (var stream in run.Point.Streams)
            {
                var version = VersionOf(stream);
                var own = restored[(version.Key, version.ModifiedAt, version.ETag)].FirstOrDefault();
                if (own is null || own.SizeBytes != version.SizeBytes || !await IsSameAsync(run, made, own, stream, ct))
                {
                    return TryResult.Damaged($"Object '{version.Key}' is not restored as the vault holds it.");
                }
            }

            return TryResult.Good;
        }
        finally
        {
            // Also where the job was cancelled.
            await buckets.DeleteAsync(run.Project, name, CancellationToken.None);
        }
    }

    /// <summary>Nothing is kept for the next backup: a version never changes.</summary>
    public Task ForgetAsync(string project, string snapshot, CancellationToken ct) => Task.CompletedTask;

    private async Task<PointStream?> StoreAsync(
        BackupRun run, StoredBucket bucket, StoredVersion version, PointStream? earlier, int number, CancellationToken ct)
    {
        var properties = new Dictionary<string, JsonElement> { [Version] = Json(version) };
        var name = number.ToString("d6", System.Globalization.CultureInfo.InvariantCulture);
        if (earlier is not null && await run.Writer.TryKeepAsync(run.Vault, earlier, ct))
        {
            return earlier with { Name = name, Properties = properties };
        }

        if (version.SizeBytes == 0)
        {
            return new PointStream(name, 0, [], properties);
        }

        await using var content = await buckets.ReadAsync(bucket.Id, version.Key, version.VersionId, ct);
        if (content is null)
        {
            // Removed since it was listed: as if it had been before.
            return null;
        }

        var stored = await run.Writer.PutStreamAsync(
            run.Vault, name, version.SizeBytes, [new ByteRun(0, version.SizeBytes)], null,
            (_, _, _) => Task.FromResult<Stream>(new UnownedStream(content)), run.Progress.Advance, ct);
        return stored with { Properties = properties };
    }

    public async Task TidyAsync(EndedJob job, CancellationToken ct)
    {
        foreach (var name in (string?[])[NameOfTry(job.Id), NameOfFilled(job.Id), NameOfSafety(job.Id), job.TargetName])
        {
            // What is whole does not carry the label of its making any more.
            if (name is not null && await buckets.FindAsync(job.Project, name, ct) is { } made && made.Labels.Values.Contains(job.Id))
            {
                await buckets.DeleteAsync(job.Project, name, ct);
            }
        }
    }

    private static string NameOfTry(string job) => $"try-{job}";

    private static string NameOfFilled(string job) => $"restored-{job}";

    private static string NameOfSafety(string job) => $"before-{job}";

    private async Task<StoredBucket> FillAsync(
        RestoreRun run, string name, StoredBucket like, CancellationToken ct, bool locks = true)
    {
        run.Progress.Expect(run.Point.SizeBytes);
        var made = await buckets.CreateAsync(run.Project, like.ProjectName, name, run.Job, ct);
        if ((await buckets.ListVersionsAsync(made.Id, null, ct)).Versions.Count > 0)
        {
            // What an attempt before this one left, in the middle of some key's versions.
            await buckets.DeleteAsync(run.Project, name, ct);
            made = await buckets.CreateAsync(run.Project, like.ProjectName, name, run.Job, ct);
        }

        // Of one key the oldest first, as they were written.
        foreach (var stream in run.Point.Streams.Reverse())
        {
            var version = VersionOf(stream);
            await using var content = new ProgressStream(run.Vault.OpenStream(stream), run.Progress);
            await buckets.WriteAsync(
                made.Id, locks ? version : version with { Retention = 1, RetainUntil = 0, LegalHold = false }, content, ct);
        }

        return made;
    }

    private async Task<bool> IsSameAsync(
        RestoreRun run, StoredBucket made, StoredVersion own, PointStream stream, CancellationToken ct)
    {
        if (own.SizeBytes == 0)
        {
            return true;
        }

        await using var content = await buckets.ReadAsync(made.Id, own.Key, own.VersionId, ct);
        return content is not null && Convert.ToHexStringLower(
            await System.Security.Cryptography.SHA256.HashDataAsync(content, ct)) == await run.Vault.HashAsync(stream, ct);
    }

    private async Task<IReadOnlyList<StoredVersion>> ListVersionsAsync(string bucket, CancellationToken ct)
    {
        var all = new List<StoredVersion>();
        VersionPlace? after = null;
        do
        {
            var page = await buckets.ListVersionsAsync(bucket, after, ct);
            all.AddRange(page.Versions);
            after = page.Next;
        }
        while (after is not null);
        return all;
    }

    private async Task<StoredBucket> RequireAsync(string project, string bucket, CancellationToken ct) =>
        await buckets.FindAsync(project, bucket, ct) ?? throw CloudException.NotFound("bucket", bucket);

    /// <summary>Bytes that are the same: metadata and locks may be others.</summary>
    private static string Identity(StoredVersion version) =>
        $"{version.Rank}/{version.ETag}/{version.SizeBytes}/{version.IsDeleteMarker}/{version.Key}";

    private static StoredVersion VersionOf(PointStream stream) =>
        stream.Properties![Version].Deserialize<StoredVersion>(JsonSerializerOptions.Web)!;

    private static StoredBucket SettingsOf(PointDocument point) =>
        point.Properties[Settings].Deserialize<StoredBucket>(JsonSerializerOptions.Web)!;

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, JsonSerializerOptions.Web);
}
