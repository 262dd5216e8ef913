using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Cloud.Backup.Persistence;
using Cloud.Backup.Plans;
using Cloud.Backup.Vaults;
using Cloud.Messaging;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Outbound;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Backup.Jobs;

/// <summary>
/// Tells plans' webhooks that a job has ended: a POST of the job as the API shows it. <c>Cloud-Signature: t=SECONDS,v1=HEX</c> is the
/// HMAC-SHA256, by the webhook's secret, of <c>SECONDS.BODY</c>. It may come twice.
/// </summary>
internal sealed partial class WebhookSender(
    IDbContextFactory<BackupDbContext> databases, JobChanges changes, SecretSeal seal, OutboundHttp outbound, TimeProvider time,
    ILogger<WebhookSender> log) : IReconciler, IDisposable
{
    private const int CallsMax = 100;
    private static readonly TimeSpan CallLimit = TimeSpan.FromSeconds(10);

    /// <summary>After these pauses it is tried again; then no more.</summary>
    private static readonly TimeSpan[] Pauses =
    [
        TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(10), TimeSpan.FromHours(1), TimeSpan.FromHours(6),
    ];

    private readonly HttpClient _http = outbound.CreateClient();

    public async Task ReconcileAsync(CancellationToken ct)
    {
        var now = time.GetUtcNow();
        await using var db = await databases.CreateDbContextAsync(ct);
        var due = await db.Jobs.AsNoTracking().Where(job => job.WebhookDueAt <= now).OrderBy(job => job.WebhookDueAt).Take(CallsMax)
            .ToListAsync(ct);
        foreach (var job in due)
        {
            var plan = await db.Plans.AsNoTracking().SingleAsync(row => row.Id == job.Plan, ct);
            var failure = plan.WebhookUrl is null || plan.Status == PlanStatus.Deleted ? null : await TellAsync(plan, job, ct);
            await changes.ApplyAsync(job.Id, null, (_, row, at) =>
            {
                if (failure is null)
                {
                    row.TellsWebhook(null);
                }
                else
                {
                    row.WebhookFailed(failure, row.WebhookAttempts < Pauses.Length ? at + Pauses[row.WebhookAttempts] : null, at);
                }

                return Task.FromResult(true);
            }, ct);
        }
    }

    public void Dispose() => _http.Dispose();

    /// <returns>Null where it has heard; else why not.</returns>
    private async Task<string?> TellAsync(BackupPlan plan, BackupJob job, CancellationToken ct)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new { type = $"backup-job.{EnumWords.Of(job.Status)}", data = JobView.From(job, job.UpdatedAt) }, JsonDefaults.Options);
        using var request = new HttpRequestMessage(HttpMethod.Post, plan.WebhookUrl) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        if (plan.SealedWebhookSecret is { } secret)
        {
            var at = time.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
            byte[] signed = [.. Encoding.ASCII.GetBytes(at + "."), .. body];
            var signature = HMACSHA256.HashData(Encoding.UTF8.GetBytes(seal.Open<string>(secret, plan.Id.Value)), signed);
            request.Headers.Add("Cloud-Signature", $"t={at},v1={Convert.ToHexStringLower(signature)}");
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(CallLimit);
        try
        {
            using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            if (answer.IsSuccessStatusCode)
            {
                return null;
            }

            LogRefused(log, job.Id, (int)answer.StatusCode);
            return $"it answers {(int)answer.StatusCode}";
        }
        catch (Exception away) when (away is HttpRequestException || (away is OperationCanceledException && !ct.IsCancellationRequested))
        {
            LogAway(log, away, job.Id);
            return "it does not answer, or lies where the cloud calls nobody";
        }
    }

    [LoggerMessage(EventId = 10030, Level = LogLevel.Warning, Message = "The webhook of job {Job} answered {Status}")]
    private static partial void LogRefused(ILogger log, JobId job, int status);

    [LoggerMessage(EventId = 10031, Level = LogLevel.Warning, Message = "The webhook of job {Job} does not answer")]
    private static partial void LogAway(ILogger log, Exception exception, JobId job);
}
