using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Cloud.Backup.Tests.Kit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Cloud.Backup.Tests.Jobs;

/// <summary>The end of a job is told to the plan's webhook, signed.</summary>
public sealed class WebhookTests : IAsyncLifetime
{
    private const string Secret = "a secret of the receiver";

    private readonly string _data = Directory.CreateTempSubdirectory("cloud-backup-").FullName;
    private readonly Channel<(string Signature, byte[] Body)> _calls = Channel.CreateUnbounded<(string, byte[])>();
    private WebApplication _receiver = null!;
    private BackupsUnderTest _service = null!;
    private int _refusals = 1;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _receiver = builder.Build();
        _receiver.MapPost("/hook", async (HttpContext context) =>
        {
            if (Interlocked.Decrement(ref _refusals) >= 0)
            {
                return Results.StatusCode(StatusCodes.Status503ServiceUnavailable);
            }

            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            await _calls.Writer.WriteAsync((context.Request.Headers["Cloud-Signature"].ToString(), body.ToArray()));
            return Results.Ok();
        });
        await _receiver.StartAsync();
        _service = await BackupsUnderTest.StartAsync(_data, allowed: new Uri(_receiver.Urls.First()).Authority);
    }

    [Fact]
    public async Task FailedJob_IsTold_WithASignatureThatTheSecretProves_AlsoWhereTheReceiverWasAway()
    {
        var volume = _service.Storage.AddVolume("data", [.. Enumerable.Repeat((byte)7, 65536)]);
        _service.Storage.Refusals[volume] = Primitives.CloudException.Conflict("gone", "The disk is gone.");
        var (status, plan) = await _service.SendAsync(
            HttpMethod.Post, "/v1/backup-plans",
            new
            {
                name = "told",
                schedule = "0 3 * * *",
                resources = new[] { volume },
                verify = false,
                webhook = new { url = $"{_receiver.Urls.First()}/hook", secret = Secret },
            }, "p");
        status.ShouldBe(HttpStatusCode.Created, plan.ToString());
        await _service.SendAsync(HttpMethod.Post, $"/v1/backup-plans/{plan.GetProperty("id").GetString()}/run?wait=60", null, "p");

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(1));
        var (signature, body) = await _calls.Reader.ReadAsync(limit.Token);
        var parts = signature.Split(',');
        byte[] signed = [.. Encoding.ASCII.GetBytes(parts[0]["t=".Length..] + "."), .. body];
        parts[1].ShouldBe($"v1={Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), signed))}");
        var told = JsonDocument.Parse(body).RootElement;
        told.GetProperty("type").GetString().ShouldBe("backup-job.failed");
        told.GetProperty("data").GetProperty("statusReason").GetString().ShouldBe("The disk is gone.");
        told.GetProperty("data").GetProperty("timeline").EnumerateArray().Select(step => step.GetProperty("what").GetString())
            .ShouldContain(what => what!.StartsWith("webhook not told: it answers ", StringComparison.Ordinal), "it says what was before");
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        await _receiver.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }
}
