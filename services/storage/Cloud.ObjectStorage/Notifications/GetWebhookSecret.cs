using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Persistence;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ObjectStorage.Notifications;

/// <summary>What a receiver verifies <c>Cloud-Signature</c> by: <c>t=SECONDS,v1=HEX</c>, the HMAC-SHA256 of <c>SECONDS.BODY</c>.</summary>
public sealed record WebhookSecretView(string Secret);

internal static class GetWebhookSecret
{
    public static async Task<IResult> HandleAsync(
        string id, Caller caller, ObjectStorageDbContext db, WebhookSecrets secrets, CancellationToken ct)
    {
        var bucket = await db.Buckets.AsNoTracking().FindVisibleAsync(caller, id, ct);
        return TypedResults.Json(new WebhookSecretView(secrets.Of(bucket.Id.Value)), JsonDefaults.Options);
    }
}
