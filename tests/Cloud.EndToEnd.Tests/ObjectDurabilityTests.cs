using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text;

namespace Cloud.EndToEnd.Tests;

/// <summary>
/// The cloud is killed while many write: what was acknowledged is there, whole; what was not is there whole or not at all; and what buckets
/// are said to hold is the sum of what is in them.
/// </summary>
[Collection(OnLocalCloud.Name)]
public sealed class ObjectDurabilityTests(LocalCloud cloud)
{
    private const int Clients = 8;
    private const int KeysPerClient = 12;

    private static int Rounds => int.Parse(
        Environment.GetEnvironmentVariable("CLOUD_TEST_ROUNDS") ?? "2", System.Globalization.CultureInfo.InvariantCulture);

    [Fact]
    public async Task Kill_WhileManyWrite_LosesNothingThatWasAcknowledged()
    {
        const string Bucket = "durable";
        await cloud.PostAsync("/v1/buckets", new { name = Bucket });

        // By key: what it held when last acknowledged (null: deleted), and what was asked for since.
        var known = new ConcurrentDictionary<string, Expected>();
        for (var round = 0; round < Rounds; round++)
        {
            using var stop = new CancellationTokenSource();
            var acknowledged = 0;
            var clients = Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
            {
                for (var at = 0; !stop.IsCancellationRequested; at++)
                {
                    var key = $"client-{client}/key-{at % KeysPerClient}";
                    var expected = known.GetOrAdd(key, _ => new Expected());
                    var text = at % 5 == 4 ? null : $"{round} {client} {at} {new string('x', at * 37 % 20_000)}";
                    expected.Asked.Add(text);
                    if (!await WriteAsync(Bucket, key, text))
                    {
                        return;
                    }

                    expected.Acknowledge(text);
                    Interlocked.Increment(ref acknowledged);
                }
            })).ToList();
            using (var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60)))
            {
                while (Volatile.Read(ref acknowledged) < 200)
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(20), limit.Token);
                }
            }

            await cloud.KillAsync("cloud");
            await stop.CancelAsync();
            await Task.WhenAll(clients);
            await cloud.UpAsync();
            await VerifyAsync(Bucket, known);
        }
    }

    private async Task VerifyAsync(string bucket, ConcurrentDictionary<string, Expected> known)
    {
        var sizes = new Dictionary<string, long>();
        string? cursor = null;
        do
        {
            var page = await cloud.GetAsync($"/v1/buckets/{bucket}/objects?limit=1000{(cursor is null ? "" : $"&cursor={cursor}")}");
            foreach (var item in page.GetProperty("items").EnumerateArray())
            {
                sizes.Add(item.GetProperty("key").GetString()!, item.GetProperty("sizeBytes").GetInt64());
            }

            cursor = page.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);
        foreach (var (key, expected) in known)
        {
            using var answer = await cloud.Http.GetAsync($"/v1/buckets/{bucket}/objects/{key}");
            var text = answer.StatusCode == HttpStatusCode.NotFound ? null : await answer.Content.ReadAsStringAsync();
            expected.Asked.ShouldContain(text, $"{key} holds what nobody wrote since it was acknowledged");
            (text is not null).ShouldBe(sizes.ContainsKey(key), key);
            expected.Acknowledge(text);
        }

        var view = await cloud.GetAsync($"/v1/buckets/{bucket}");
        view.GetProperty("objectCount").GetInt64().ShouldBe(sizes.Count);
        view.GetProperty("sizeBytes").GetInt64().ShouldBe(sizes.Values.Sum());
    }

    /// <returns>False where no answer came.</returns>
    private async Task<bool> WriteAsync(string bucket, string key, string? text)
    {
        try
        {
            using var request = new HttpRequestMessage(
                text is null ? HttpMethod.Delete : HttpMethod.Put, $"/v1/buckets/{bucket}/objects/{key}");
            if (text is not null)
            {
                request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(text));
                request.Content.Headers.ContentType = new MediaTypeHeaderValue("text/plain");
            }

            using var answer = await cloud.Http.SendAsync(request);
            answer.IsSuccessStatusCode.ShouldBeTrue($"{answer.StatusCode}");
            return true;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private sealed class Expected
    {
        /// <summary>What it may hold: what was acknowledged last, and whatever was asked for after it.</summary>
        public List<string?> Asked { get; } = [null];

        public void Acknowledge(string? text)
        {
            Asked.Clear();
            Asked.Add(text);
        }
    }
}
