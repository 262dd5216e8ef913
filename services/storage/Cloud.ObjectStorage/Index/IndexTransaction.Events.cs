using System.Text.Json;
using System.Text.Json.Nodes;
using Cloud.Messaging;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Notifications;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.Scrub;
using Cloud.Primitives;

namespace Cloud.ObjectStorage.Index;

/// <summary>
/// What is told of changes, written in the transaction of the change: it is told where, and only where, the change took place.
/// </summary>
internal sealed partial class IndexTransaction
{
    private readonly List<(Bucket Bucket, string Event, ObjectVersion Version)> _happened = [];

    /// <summary>A blob is damaged: nobody reads it any more, and the bucket's project hears of it.</summary>
    public async Task<bool> SetAsideAsync(DamagedBlob damaged)
    {
        if (SmallBlob.Is(damaged.Blob))
        {
            await ExecuteAsync(
                """UPDATE "SmallBlobs" SET "Blob" = @p1 WHERE "Blob" = @p0""", damaged.Blob, DamagedBlob.AsidePrefix + damaged.Blob);
        }

        var isNew = await ExecuteAsync(
            """
            INSERT INTO "DamagedBlobs" ("Blob", "Bucket", "Key", "VersionId", "Part", "Reason", "FoundAt")
            VALUES (@p0, @p1, @p2, @p3, @p4, @p5, @p6) ON CONFLICT ("Blob") DO NOTHING
            """,
            damaged.Blob, damaged.Bucket, damaged.Key, damaged.VersionId, damaged.Part, damaged.Reason, damaged.FoundAt) == 1;
        if (isNew)
        {
            var state = await RequireBucketAsync(damaged.Bucket);
            session.Db.Outbox().Add(
                ResourceEvent.Of(
                    "object.damaged", state.Project, damaged.Bucket,
                    JsonSerializer.SerializeToElement(
                        new { bucket = state.Bucket!.Name, key = damaged.Key, versionId = damaged.VersionId, reason = damaged.Reason })),
                damaged.Bucket);
            await session.Db.SaveChangesAsync();
        }

        return isNew;
    }

    private static void Happened(List<(Bucket, string, ObjectVersion)> all, BucketState state, string name, ObjectVersion version)
    {
        if (state.Bucket!.Settings.Notifications is not null)
        {
            all.Add((state.Bucket, name, version));
        }
    }

    private void Happened(BucketState state, string name, ObjectVersion version) => Happened(_happened, state, name, version);

    private async Task FlushEventsAsync()
    {
        if (_happened.Count == 0)
        {
            return;
        }

        var now = time.GetUtcNow();
        foreach (var (bucket, name, version) in _happened)
        {
            var told = bucket.Settings.Notifications!;
            if (told.ToBus)
            {
                Publish(bucket, name, ObjectEvents.Record(name, bucket, version, "", now));
            }

            foreach (var rule in told.Rules.Where(rule => rule.Covers(name, version.Key)))
            {
                var record = ObjectEvents.Record(name, bucket, version, rule.Id, now);
                if (rule.Target == NotificationRule.Bus)
                {
                    Publish(bucket, name, record);
                    continue;
                }

                session.Db.WebhookDeliveries.Add(new WebhookDelivery
                {
                    Id = TypedId.NewValue("dlv", now),
                    Bucket = bucket.Id.Value,
                    Url = rule.Target,
                    Body = new JsonObject { ["Records"] = new JsonArray(record) }.ToJsonString(),
                    NotBefore = now.UtcTicks,
                    CreatedAt = now.UtcTicks,
                });
            }
        }

        await session.Db.SaveChangesAsync();
    }

    private void Publish(Bucket bucket, string name, JsonObject record) => session.Db.Outbox().Add(
        ResourceEvent.Of(
            name.StartsWith(ObjectEvents.Created, StringComparison.Ordinal) ? "object.created" : "object.deleted", bucket.Project,
            bucket.Id.Value, JsonSerializer.SerializeToElement(record)),
        bucket.Id.Value);
}
