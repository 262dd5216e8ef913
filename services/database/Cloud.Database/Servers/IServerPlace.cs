using System.Formats.Tar;
using System.IO.Pipelines;
using Cloud.Database.Databases;

namespace Cloud.Database.Servers;

/// <summary>
/// Where servers live: as processes of this machine (<see cref="ServerProcesses"/>), or each in a container on a volume of its own
/// (<see cref="ServerContainers"/>). Called in the turn of the database; every call can be made twice with the outcome of once.
/// </summary>
internal interface IServerPlace
{
    /// <summary>Makes an empty server; kept where it is there.</summary>
    Task MakeAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>Has a generation hold what it is filled with, whole and durable or not at all; kept where it is there.</summary>
    /// <param name="time">Where in the log that came with it a recovery stops; null for the end of all there is.</param>
    Task FillAsync(ManagedDatabase database, int generation, DateTimeOffset? time, Func<IServerFiles, Task> fill, CancellationToken ct);

    /// <summary>Starts a server, and waits until it takes connections; a recovery that it begins with is over then.</summary>
    /// <returns>False where it has ended instead: its log says why.</returns>
    Task<bool> StartAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>Has a recovery that found no end where it was to stop go on to the end of all there is.</summary>
    Task RecoverAllAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>Stops a server in good order: connections end, all is written down.</summary>
    Task StopAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>Writes the settings, and has a server that runs take those that it takes without a restart.</summary>
    Task ReloadAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>What holds the server is there: one that died in it comes up by itself.</summary>
    Task<bool> RunsAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>What a server's files take, in bytes.</summary>
    Task<long> UsedBytesAsync(ManagedDatabase database, CancellationToken ct);

    /// <exception cref="Primitives.CloudException">It cannot become as small as that.</exception>
    Task RequireRoomAsync(ManagedDatabase database, long sizeBytes, CancellationToken ct);

    /// <summary>A server must be stopped to be given a larger disk.</summary>
    bool StopsToGrow { get; }

    /// <summary>Gives a server the processors, the memory and the disk that its row says.</summary>
    Task ResizeAsync(ManagedDatabase database, CancellationToken ct);

    /// <summary>The last of what a server has said, oldest first.</summary>
    Task<string> LogAsync(ManagedDatabase database, int lines, CancellationToken ct);

    /// <summary>Removes all of a generation, whose server does not run.</summary>
    Task RemoveAsync(ManagedDatabase database, int generation, CancellationToken ct);

    /// <summary>Removes all of all generations.</summary>
    Task RemoveAllAsync(ManagedDatabase database, CancellationToken ct);
}

/// <summary>The files of a server that is being made.</summary>
internal interface IServerFiles
{
    /// <summary>Unpacks a tar below the server's folder: <c>data</c> is the data folder, <c>wal</c> the log to be replayed.</summary>
    Task UnpackAsync(string folder, Stream tar, CancellationToken ct);
}

/// <summary>Those of a server that is to be a process.</summary>
internal sealed class FolderFiles(ServerFolder folder) : IServerFiles
{
    public Task UnpackAsync(string folderName, Stream tar, CancellationToken ct)
    {
        var path = Path.Combine(folder.Root, folderName);
        Directory.CreateDirectory(path);
        return TarFile.ExtractToDirectoryAsync(tar, path, overwriteFiles: true, ct);
    }
}

internal static class ServerFiles
{
    /// <summary>The same, of files that are written one after the other.</summary>
    public static async Task UnpackAsync(this IServerFiles files, string folder, Func<Stream, Task> write, CancellationToken ct)
    {
        var pipe = new Pipe();
        var reads = UnpackAsync(files, folder, pipe.Reader, ct);
        try
        {
            await using (var tar = pipe.Writer.AsStream(leaveOpen: true))
            {
                await write(tar);
            }

            await pipe.Writer.CompleteAsync();
        }
        catch (Exception failed)
        {
            await pipe.Writer.CompleteAsync(failed);
            await Task.WhenAny(reads);
            throw;
        }

        await reads;
    }

    private static async Task UnpackAsync(IServerFiles files, string folder, PipeReader tar, CancellationToken ct)
    {
        try
        {
            await files.UnpackAsync(folder, tar.AsStream(leaveOpen: true), ct);
            await tar.CompleteAsync();
        }
        catch (Exception failed)
        {
            await tar.CompleteAsync(failed);
            throw;
        }
    }
}
