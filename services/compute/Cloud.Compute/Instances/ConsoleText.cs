using System.Text;
using Cloud.Compute.Host.Contracts;

namespace Cloud.Compute.Instances;

/// <summary>The console's log as text.</summary>
internal static class ConsoleText
{
    /// <summary>All of it; the host bounds the log's length.</summary>
    public static async Task<string> ReadAsync(IHostAgent agent, string id, CancellationToken ct)
    {
        using var all = new MemoryStream();
        for (var offset = 0L; ;)
        {
            var chunk = await agent.ReadConsoleAsync(id, offset, ct);
            if (chunk.Bytes.Length == 0)
            {
                return Encoding.UTF8.GetString(all.GetBuffer(), 0, (int)all.Length);
            }

            all.Write(chunk.Bytes);
            offset = chunk.NextOffset;
        }
    }

    /// <summary>The last lines.</summary>
    public static string Tail(string text, int lines)
    {
        var at = text.EndsWith('\n') ? text.Length - 1 : text.Length;
        while (lines-- > 0)
        {
            at = at == 0 ? -1 : text.LastIndexOf('\n', at - 1);
            if (at < 0)
            {
                return text;
            }
        }

        return text[(at + 1)..];
    }
}
