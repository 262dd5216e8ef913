using System.Security.Cryptography;
using Cloud.Database.Archive;
using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;

namespace Cloud.Database.Tests.Archive;

/// <summary>Base backups on their way to the object storage.</summary>
public sealed class PackedObjectsTests
{
    /// <summary>More than is held of what nobody reads.</summary>
    private const int Bytes = 1 << 20;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task PutPacked_WhereTheStorageIsAway_FailsAtOnce()
    {
        var ct = TestContext.Current.CancellationToken;
        using var client = new HttpClient { BaseAddress = new Uri("http://127.0.0.1:1") };
        using var content = new MemoryStream(RandomNumberGenerator.GetBytes(Bytes));

        var put = new HttpPrivateObjects(() => client).PutPackedAsync("bucket", "key", content, ct);

        (await Should.ThrowAsync<CloudException>(() => put.WaitAsync(Limit, ct))).Kind.ShouldBe(ErrorKind.Unavailable);
    }
}
