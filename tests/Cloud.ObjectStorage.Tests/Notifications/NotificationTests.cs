using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Amazon.S3;
using Amazon.S3.Model;
using Cloud.ObjectStorage.Notifications;
using Cloud.ObjectStorage.Tests.Kit;
using Cloud.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Cloud.ObjectStorage.Tests.Notifications;

public sealed class NotificationsOnSqliteTests(Storages storages) : NotificationTests(storages, null);

[Collection(OnOwnPostgres.Name)]
public sealed class NotificationsOnPostgresTests(Storages storages, OwnPostgres postgres) : NotificationTests(storages, postgres);

/// <summary>What buckets tell the bus and webhooks: a receiver that is real, and refuses where the test says so.</summary>
public abstract class NotificationTests(Storages storages, OwnPostgres? postgres) : IAsyncLifetime
{
    private readonly ShiftedClock _clock = new();
    private readonly ConcurrentQueue<(string Signature, string Body)> _received = new();
    private int _answer = StatusCodes.Status200OK;
    private WebApplication _receiver = null!;
    private ObjectStorageUnderTest _storage = null!;
    private AmazonS3Client _s3 = null!;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateBuilder(["--hostBuilder:reloadConfigOnChange=false", "--urls", "http://127.0.0.1:0"]);
        builder.Logging.ClearProviders();
        _receiver = builder.Build();
        _receiver.Run(async context =>
        {
            using var reader = new StreamReader(context.Request.Body);
            _received.Enqueue((context.Request.Headers["Cloud-Signature"].ToString(), await reader.ReadToEndAsync()));
            context.Response.StatusCode = _answer;
        });
        await _receiver.StartAsync();
        _storage = await ObjectStorageUnderTest.StartAsync(
            storages.NewFolder(), postgres is null ? null : await postgres.EmptyAsync(), _clock, settings: new Dictionary<string, string?>
            {
                ["Cloud:ObjectStorage:ClockSkew"] = "1000.00:00:00",
                ["Cloud:Outbound:Allow:0"] = new Uri(_receiver.Urls.First()).Authority,
            });
        _s3 = _storage.NewClient();
        await _s3.PutBucketAsync("told");
        await _storage.RecordEventsAsync();
    }

    [Fact]
    public async Task Webhook_HearsWhatItsRuleCovers_Signed()
    {
        await RuleAsync(_receiver.Urls.First() + "/hook", "s3:ObjectCreated:*", "s3:ObjectRemoved:Delete");
        await PutAsync("other");
        await PutAsync("in/a b");
        await _s3.DeleteObjectAsync("told", "in/a b");
        await SendAsync();
        await Eventually.HoldsAsync(async () => await WaitingAsync() == 0, "nothing is left to be told");

        _received.Count.ShouldBe(2);
        var names = _received.Select(one => JsonDocument.Parse(one.Body).RootElement.GetProperty("Records")[0])
            .Select(record => (
                record.GetProperty("eventName").GetString(),
                record.GetProperty("s3").GetProperty("object").GetProperty("key").GetString()))
            .Order().ToList();
        names.ShouldBe([("ObjectCreated:Put", "in/a%20b"), ("ObjectRemoved:Delete", "in/a%20b")]);
        var secret = (await _storage.SendAsync(HttpMethod.Get, "/v1/buckets/told/webhook-secret")).Body.GetProperty("secret").GetString()!;
        foreach (var (signature, body) in _received)
        {
            var fields = signature.Split(',').Select(field => field.Split('=')).ToDictionary(field => field[0], field => field[1]);
            var expected = HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"{fields["t"]}.{body}"));
            fields["v1"].ShouldBe(Convert.ToHexStringLower(expected));
        }
    }

    [Fact]
    public async Task Webhook_ThatRefuses_IsTriedAgain_AndGivenUpAfterADay()
    {
        _answer = StatusCodes.Status500InternalServerError;
        await RuleAsync(_receiver.Urls.First(), "s3:ObjectCreated:*");
        await PutAsync("in/a");
        await SendAsync();
        await Eventually.HoldsAsync(() => _received.Count == 1, "it is tried");
        await SendAsync();
        _clock.Advance(TimeSpan.FromMinutes(1));
        await SendAsync();
        await Eventually.HoldsAsync(() => _received.Count == 2, "it is tried again");
        (await WaitingAsync()).ShouldBe(1);
        _clock.Advance(TimeSpan.FromDays(2));
        await SendAsync();
        await Eventually.HoldsAsync(async () => await WaitingAsync() == 0, "it is given up");
    }

    [Fact]
    public async Task Webhook_ToAClosedAddress_IsNeverCalled()
    {
        using var stranger = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        stranger.Start();
        await RuleAsync($"http://127.0.0.1:{((IPEndPoint)stranger.LocalEndpoint).Port}/", "s3:ObjectCreated:*");
        await PutAsync("in/a");
        await SendAsync();
        stranger.Pending().ShouldBeFalse();
        (await WaitingAsync()).ShouldBe(1);
    }

    [Fact]
    public async Task Bus_HearsEverything_WithTheChange()
    {
        await _s3.PutBucketNotificationAsync(new PutBucketNotificationRequest
        {
            BucketName = "told",
            EventBridgeConfiguration = new EventBridgeConfiguration(),
        });
        (await _s3.GetBucketNotificationAsync("told")).EventBridgeConfiguration.ShouldNotBeNull();
        await PutAsync("a");
        await _s3.CopyObjectAsync("told", "a", "told", "b");
        await _s3.DeleteObjectAsync("told", "a");
        await Should.ThrowAsync<AmazonS3Exception>(() => _s3.PutObjectAsync(
            new PutObjectRequest { BucketName = "told", Key = "b", ContentBody = "x", IfNoneMatch = "*" }));
        var events = await _storage.EventsAsync("object.created", "object.deleted");
        events.Select(told => told.GetProperty("type").GetString()).ShouldBe(["object.created", "object.created", "object.deleted"]);
        events[1].GetProperty("data").GetProperty("eventName").GetString().ShouldBe("ObjectCreated:Copy");
    }

    [Theory]
    [InlineData("ftp://example.com/x", "s3:ObjectCreated:*")]
    [InlineData("arn:aws:sns:us-east-1:1:topic", "s3:ObjectCreated:*")]
    [InlineData("https://example.com/x", "s3:Nonsense")]
    public async Task Rule_OfNonsense_IsRefused(string target, string name) =>
        (await Should.ThrowAsync<AmazonS3Exception>(() => RuleAsync(target, name))).ErrorCode.ShouldBe("InvalidArgument");

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _s3.Dispose();
        await _storage.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    private Task<PutObjectResponse> PutAsync(string key) =>
        _s3.PutObjectAsync(new PutObjectRequest { BucketName = "told", Key = key, ContentBody = "x" });

    private Task<PutBucketNotificationResponse> RuleAsync(string target, params string[] events) =>
        _s3.PutBucketNotificationAsync(new PutBucketNotificationRequest
        {
            BucketName = "told",
            TopicConfigurations =
            [
                new TopicConfiguration
                {
                    Id = "rule",
                    Topic = target,
                    Events = [.. events.Select(name => new EventType(name))],
                    Filter = new Filter
                    {
                        S3KeyFilter = new S3KeyFilter { FilterRules = [new FilterRule { Name = "prefix", Value = "in/" }] },
                    },
                },
            ],
        });

    private async Task SendAsync()
    {
        await using var scope = _storage.Services.CreateAsyncScope();
        await ActivatorUtilities.CreateInstance<WebhookSender>(scope.ServiceProvider).ReconcileAsync(default);
    }

    private async Task<int> WaitingAsync()
    {
        await using var db = await _storage.OpenDbAsync();
        return await db.WebhookDeliveries.CountAsync();
    }
}
