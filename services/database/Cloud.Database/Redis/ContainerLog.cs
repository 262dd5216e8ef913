using System.Globalization;
using Cloud.Database.Archive;
using Cloud.Database.Databases;
using Cloud.Database.Servers;

namespace Cloud.Database.Redis;

/// <summary>The log of a server in a container, by programs that run there (<c>infra/images/redis-7-container/engine.sh</c>).</summary>
/// <param name="admin">A connection that was opened before; null of a server that has ended in good order.</param>
internal sealed class ContainerLog(ServerContainers containers, ManagedDatabase database, RedisConnection? admin) : IRedisLog
{
    private const string LogFolder = $"data/{ServerFolder.AppendOnlyName}";
    private const string HeldFolder = "unarchived";

    public async Task<RedisLogFiles> ListAsync(CancellationToken ct)
    {
        var text = "";
        await RunAsync(["list"], async (said, read) => text = await new StreamReader(said).ReadToEndAsync(read), ct);
        if (admin is not null)
        {
            // The server writes its log down before it answers anything: what there was is on the disk now, and no start cuts it off.
            // The server of this connection was there all the time.
            await admin.SendAsync(ct, "PING");
        }

        return Read(text.Split('\n'));
    }

    public async Task<bool> ReadAsync(RedisLogFile file, long start, Func<Stream, CancellationToken, Task> read, CancellationToken ct)
    {
        var isShort = false;
        var end = await containers.RunFilesAsync(
            database, ["part", file.Path, Number(start / ArchiveKeys.SegmentBytes), Number(file.Length - start)], null,
            async (content, ending) =>
            {
                try
                {
                    await read(content, ending);
                }
                catch (EndOfStreamException)
                {
                    isShort = true;
                }
            },
            ct);
        if (isShort)
        {
            return false;
        }

        ServerContainers.RequireDone(end);
        return true;
    }

    public Task HoldAsync(IReadOnlyList<RedisLogFile> parts, CancellationToken ct) => RunAsync(
        ["hold", .. parts.SelectMany(part => (string[])[Path.GetFileName(part.Path), Number(part.Sequence)])], null, ct);

    public Task DropAsync(IReadOnlyList<RedisLogFile> held, CancellationToken ct) => held.Count == 0
        ? Task.CompletedTask
        : RunAsync(["drop", .. held.Select(part => Number(part.Sequence))], null, ct);

    private async Task RunAsync(
        IReadOnlyList<string> words, Func<Stream, CancellationToken, Task>? output, CancellationToken ct) =>
        ServerContainers.RequireDone(await containers.RunFilesAsync(database, words, null, output, ct));

    /// <summary>The lines of <c>files list</c>.</summary>
    private static RedisLogFiles Read(IReadOnlyList<string> lines)
    {
        var manifest = AppendOnlyManifest.Parse(lines);
        var words = lines.Select(line => line.Split(' ')).ToList();
        var lengths = words.Where(word => word is ["part", _, _]).ToDictionary(word => word[1], word => Number(word[2]));
        return new RedisLogFiles(
            manifest.Base is { } @base ? Find(@base) : null,
            manifest.Increments.Select(Find).OfType<RedisLogFile>().ToList(),
            words.Where(word => word is ["held", _, _])
                .Select(word => new RedisLogFile($"{HeldFolder}/{word[1]}", Number(word[1]), Number(word[2])))
                .OrderBy(part => part.Sequence).ToList(),
            words.Find(word => word is ["used", _]) is [_, var used] && long.TryParse(used, CultureInfo.InvariantCulture, out var bytes)
                ? bytes
                : null);

        RedisLogFile? Find(AppendOnlyPart part) => lengths.TryGetValue(part.Name, out var length)
            ? new RedisLogFile($"{LogFolder}/{part.Name}", part.Sequence, length)
            : null;
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static long Number(string number) => long.Parse(number, CultureInfo.InvariantCulture);
}
