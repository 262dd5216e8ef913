using Amazon.S3;
using Amazon.S3.Model;
using Cloud.ObjectStorage.S3.Logging;
using Cloud.ObjectStorage.Tests.Kit;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.ObjectStorage.Tests.S3;

public sealed class AccessLogsOnSqliteTests(Storages storages) : AccessLogTests(storages, null);

[Collection(OnOwnPostgres.Name)]
public sealed class AccessLogsOnPostgresTests(Storages storages, OwnPostgres postgres) : AccessLogTests(storages, postgres);

/// <summary>Requests as lines in another bucket, on a clock that is put forward.</summary>
public abstract class AccessLogTests(Storages storages, OwnPostgres? postgres) : IAsyncLifetime
{
    private readonly ShiftedClock _clock = new();
    private ObjectStorageUnderTest _storage = null!;
    private AmazonS3Client _s3 = null!;

    public async ValueTask InitializeAsync()
    {
        _storage = await ObjectStorageUnderTest.StartAsync(
            storages.NewFolder(), postgres is null ? null : await postgres.EmptyAsync(), _clock, settings: new Dictionary<string, string?>
            {
                ["Cloud:ObjectStorage:ClockSkew"] = "1000.00:00:00",
                ["Cloud:ObjectStorage:AccessLogInterval"] = "00:30:00",
            });
        _s3 = _storage.NewClient();
        await _s3.PutBucketAsync("source");
        await _s3.PutBucketAsync("logs");
    }

    [Fact]
    public async Task Requests_OfALoggedBucket_AreLinesInItsTarget()
    {
        await AllowAsync();
        await EnableAsync();
        (await _s3.GetBucketLoggingAsync("source")).BucketLoggingConfig.TargetPrefix.ShouldBe("log/");
        await _s3.PutObjectAsync(new PutObjectRequest { BucketName = "source", Key = "a b", ContentBody = "12345" });
        using (var request = new HttpRequestMessage(HttpMethod.Get, "/source/absent"))
        {
            request.Headers.TryAddWithoutValidation("User-Agent", "evil\" agent");
            using var refused = await _storage.S3Http.SendAsync(request);
        }

        await FlushAsync();
        (await KeysAsync()).ShouldBeEmpty();
        _clock.Advance(TimeSpan.FromMinutes(31));
        await FlushAsync();
        var key = (await KeysAsync()).ShouldHaveSingleItem();
        key.ShouldStartWith("log/");
        using var log = await _s3.GetObjectAsync("logs", key);
        using var reader = new StreamReader(log.ResponseStream);
        var lines = (await reader.ReadToEndAsync()).TrimEnd('\n').Split('\n');
        lines.ShouldContain(line => line.Contains("REST.PUT.OBJECT a%20b \"PUT /source/a%20b", StringComparison.Ordinal)
            && line.Contains(" 200 - ", StringComparison.Ordinal) && line.Contains("SigV4 - AuthHeader", StringComparison.Ordinal));
        lines.ShouldContain(line => line.Contains("REST.GET.OBJECT absent", StringComparison.Ordinal)
            && line.Contains(" 403 AccessDenied ", StringComparison.Ordinal) && line.Contains("\"evil? agent\"", StringComparison.Ordinal));
        lines.ShouldAllBe(line => line.StartsWith("prj-one source [", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Logging_WithoutThePolicysLeave_IsRefused_AndStopsWithIt()
    {
        (await CodeOfAsync(EnableAsync)).ShouldBe("AccessDenied");
        await _s3.PutBucketPolicyAsync("logs", Policy("""{"AWS": "*"}"""));
        (await CodeOfAsync(EnableAsync)).ShouldBe("AccessDenied");
        await AllowAsync();
        await EnableAsync();
        await _s3.PutObjectAsync(new PutObjectRequest { BucketName = "source", Key = "a", ContentBody = "1" });
        await _s3.DeleteBucketPolicyAsync("logs");
        _clock.Advance(TimeSpan.FromMinutes(31));
        await FlushAsync();
        (await KeysAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task Logging_IntoItselfOrALoggedBucketOrNowhere_IsRefused()
    {
        await AllowAsync();
        await EnableAsync();
        (await CodeOfAsync(() => EnableAsync("nowhere"))).ShouldBe("InvalidTargetBucketForLogging");
        (await CodeOfAsync(() => EnableAsync("source"))).ShouldBe("InvalidArgument");
        await _s3.PutBucketAsync("third");
        (await CodeOfAsync(() => EnableAsync("source", "third"))).ShouldBe("InvalidArgument");
        await _s3.PutBucketLoggingAsync(new PutBucketLoggingRequest { BucketName = "source", LoggingConfig = new S3BucketLoggingConfig() });
        (await _s3.GetBucketLoggingAsync("source")).BucketLoggingConfig?.TargetBucketName.ShouldBeNull();
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _s3.Dispose();
        await _storage.DisposeAsync();
    }

    private static string Policy(string principal) =>
        $$"""
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {{principal}}, "Action": "s3:PutObject",
         "Resource": "arn:aws:s3:::logs/log/*", "Condition": {"StringEquals": {"aws:SourceAccount": "prj-one"} } }]}
        """;

    private static async Task<string> CodeOfAsync(Func<Task> call) => (await Should.ThrowAsync<AmazonS3Exception>(call)).ErrorCode;

    private Task<PutBucketPolicyResponse> AllowAsync() =>
        _s3.PutBucketPolicyAsync("logs", Policy("""{"Service": "logging.s3.amazonaws.com"}"""));

    private Task<PutBucketLoggingResponse> EnableAsync() => EnableAsync("logs");

    private Task<PutBucketLoggingResponse> EnableAsync(string target, string source = "source") =>
        _s3.PutBucketLoggingAsync(new PutBucketLoggingRequest
        {
            BucketName = source,
            LoggingConfig = new S3BucketLoggingConfig { TargetBucketName = target, TargetPrefix = "log/" },
        });

    private Task FlushAsync() => _storage.Services.GetRequiredService<AccessLogs>().ReconcileAsync(default);

    private async Task<List<string>> KeysAsync() =>
        (await _s3.ListObjectsV2Async(new ListObjectsV2Request { BucketName = "logs" })).S3Objects?.ConvertAll(one => one.Key) ?? [];
}
