using System.Globalization;
using System.Net.Mime;
using System.Security.Cryptography;
using System.Text;
using Cloud.Messaging;
using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Outbound;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Cloud.ObjectStorage.Notifications;

/// <summary>
/// Sends what buckets' webhooks are to hear. At least once: a receiver that took it and did not say so in time gets it again, by the same
/// <c>Cloud-Delivery</c>. One that refuses is tried less and less often, and given up after a day.
/// </summary>
internal sealed partial class WebhookSender(
    IDbContextFactory<ObjectStorageDbContext> databases, WebhookSecrets secrets, OutboundHttp outbound,
    IOptions<ObjectStorageOptions> options, TimeProvider time, ILogger<WebhookSender> log)
    : IReconciler
{
    private const int RoundMax = 64;
    private const int AtOnceMax = 8;
    private const int DoublingsMax = 9;

    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(10);

    public async Task ReconcileAsync(CancellationToken ct)
    {
        List<WebhookDelivery> due;
        var now = time.GetUtcNow().UtcTicks;
        await using (var db = await databases.CreateDbContextAsync(ct))
        {
            due = await db.WebhookDeliveries.AsNoTracking().Where(one => one.NotBefore <= now).OrderBy(one => one.Id).Take(RoundMax)
                .ToListAsync(ct);
        }

        await Parallel.ForEachAsync(
            due, new ParallelOptions { MaxDegreeOfParallelism = AtOnceMax, CancellationToken = ct },
            async (delivery, cancelled) => await DeliverAsync(delivery, cancelled));
    }

    private async Task DeliverAsync(WebhookDelivery delivery, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var now = time.GetUtcNow();
        var again = (now + AnswerLimit + TimeSpan.FromSeconds(1 << Math.Min(delivery.Attempts, DoublingsMax))).UtcTicks;
        var row = db.WebhookDeliveries.Where(one => one.Id == delivery.Id);

        // Before it is sent, so that no other replica sends it meanwhile, and the next attempt is due whatever becomes of this one.
        var mine = await row.Where(one => one.NotBefore == delivery.NotBefore)
            .ExecuteUpdateAsync(
                set => set.SetProperty(one => one.NotBefore, again).SetProperty(one => one.Attempts, one => one.Attempts + 1), ct);
        if (mine == 0)
        {
            return;
        }

        var refusal = await SendAsync(delivery, now, ct);
        if (refusal is null)
        {
            await row.ExecuteDeleteAsync(ct);
        }
        else if (now.UtcTicks - delivery.CreatedAt > options.Value.WebhookAge.Ticks)
        {
            await row.ExecuteDeleteAsync(ct);
            LogGivenUp(log, delivery.Id, delivery.Bucket, refusal);
        }
    }

    /// <returns>Null where the receiver took it, else why not.</returns>
    private async Task<string?> SendAsync(WebhookDelivery delivery, DateTimeOffset now, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(AnswerLimit);
        using var request = new HttpRequestMessage(HttpMethod.Post, delivery.Url)
        {
            Content = new StringContent(delivery.Body, Encoding.UTF8, MediaTypeNames.Application.Json),
        };
        request.Headers.Add("Cloud-Delivery", delivery.Id);
        request.Headers.Add("Cloud-Signature", secrets.Sign(delivery.Bucket, delivery.Body, now));
        try
        {
            using var answer = await outbound.SendAsync(request, limit.Token);
            return answer.IsSuccessStatusCode ? null : $"it answered {(int)answer.StatusCode}";
        }
        catch (CloudException refused)
        {
            return refused.Message;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return "it did not answer in time";
        }
    }

    [LoggerMessage(EventId = 7040, Level = LogLevel.Warning, Message = "Gave up delivery {Delivery} of bucket {Bucket}: {Reason}")]
    private static partial void LogGivenUp(ILogger log, string delivery, string bucket, string reason);
}

/// <summary>What signs deliveries: a secret a bucket, derived of the service's own.</summary>
internal sealed class WebhookSecrets(ObjectKeys keys)
{
    public string Of(string bucket) => keys.SecretFor("webhook:" + bucket);

    /// <summary><c>t=SECONDS,v1=HEX</c>: the HMAC-SHA256 of the time, a dot and the body.</summary>
    public string Sign(string bucket, string body, DateTimeOffset at)
    {
        var seconds = at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var digest = HMACSHA256.HashData(Encoding.UTF8.GetBytes(Of(bucket)), Encoding.UTF8.GetBytes($"{seconds}.{body}"));
        return $"t={seconds},v1={Convert.ToHexStringLower(digest)}";
    }
}
