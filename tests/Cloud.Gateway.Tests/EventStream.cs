using System.Net;
using System.Text.Json;

namespace Cloud.Gateway.Tests;

/// <summary>One message of a stream of Server-Sent Events, read as a browser does.</summary>
public sealed record SentEvent(string Id, JsonElement Data);

/// <summary>An open <c>/v1/events</c>.</summary>
public sealed class EventStream : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly HttpResponseMessage _answer;
    private readonly StreamReader _lines;

    private EventStream(HttpResponseMessage answer, StreamReader lines)
    {
        _answer = answer;
        _lines = lines;
    }

    /// <summary>As <c>Last-Event-ID</c> would say it on the next connection.</summary>
    public string LastId { get; private set; } = "";

    public int Comments { get; private set; }

    public static async Task<EventStream> OpenAsync(GatewayUnderTest cloud, string token, string query = "", string? lastEventId = null)
    {
        var answer = await cloud.GetAsync($"/v1/events{query}", token, lastEventId is null ? [] : [("Last-Event-ID", lastEventId)]);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        return new EventStream(answer, new StreamReader(await answer.Content.ReadAsStreamAsync()));
    }

    /// <summary>The next event.</summary>
    public async Task<SentEvent> NextAsync() => await TryNextAsync() ?? throw new EndOfStreamException("The stream ended.");

    /// <summary>The next event; null where the stream ends.</summary>
    public async Task<SentEvent?> TryNextAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        string? data = null;
        while (await _lines.ReadLineAsync(limit.Token) is { } line)
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal))
            {
                LastId = line[4..];
            }
            else if (line.StartsWith("data: ", StringComparison.Ordinal))
            {
                data = line[6..];
            }
            else if (line.StartsWith(':'))
            {
                Comments++;
            }
            else if (line.Length == 0 && data is not null)
            {
                using var document = JsonDocument.Parse(data);
                return new SentEvent(LastId, document.RootElement.Clone());
            }
        }

        return null;
    }

    /// <summary>Reads one line, whatever it is.</summary>
    public async Task<string?> NextLineAsync()
    {
        using var limit = new CancellationTokenSource(Patience);
        return await _lines.ReadLineAsync(limit.Token);
    }

    public ValueTask DisposeAsync()
    {
        _lines.Dispose();
        _answer.Dispose();
        return ValueTask.CompletedTask;
    }
}
