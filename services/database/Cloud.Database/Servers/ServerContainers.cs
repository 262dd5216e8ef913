using System.Formats.Tar;
using System.Globalization;
using System.Text;
using Cloud.BlockStorage.Contracts;
using Cloud.Compute.Contracts;
using Cloud.Database.Archive;
using Cloud.Database.Databases;
using Cloud.Database.Engines;
using Cloud.Database.Redis;
using Cloud.Identity.Contracts;
using Cloud.ObjectStorage.Contracts;
using Cloud.Primitives;

namespace Cloud.Database.Servers;

/// <summary>
/// Servers in containers without a network, each generation on a volume of its own that has its name: <c>{id}-{generation}</c>; its
/// write-ahead log on another (<c>…-log</c>), so that a commit is a plain write of the host's disk. A generation that is not in use is
/// filled by a container beside the server's (<c>…-fill</c>). The container's first process starts the
/// server again when it dies; the container itself is compute's to restart (<c>infra/images/database-server</c>).
/// </summary>
internal sealed partial class ServerContainers(
    IInstances instances, IBlockStorage storage, IPrivateObjects objects, ServerCertificates certificates, PostgresImage postgres,
    RedisImage redis, ILogger<ServerContainers> logger) : IServerPlace
{
    /// <summary>Where a container's first process says how much of its volume is in use.</summary>
    public const string UsedFile = "/tmp/used";

    private const string FillSuffix = "-fill";
    private const string LogSuffix = "-log";
    public const string ServerProgram = "/usr/lib/cloud/server";
    public const string FilesProgram = "/usr/lib/cloud/files";

    private const string ReadProgram = "/bin/cat";
    private const int MadeAlready = 17;
    private const int NotMade = 18;
    private const int NotUnpacked = 19;
    private const int NotWhole = 20;
    private const int ServerEnded = 1;
    private const int KeptLines = 1000;
    private const long FillMemoryBytes = 128L << 20;

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    public async Task MakeAsync(ManagedDatabase database, CancellationToken ct)
    {
        await RequireVolumeAsync(database, database.Generation, ct);
        var server = await RequireServerAsync(database, ct);
        await RunAsync(server, [FilesProgram, "make", RootOf(database)], TextOf(ImageOf(database).EntryOf(database)), ct);
    }

    public async Task FillAsync(
        ManagedDatabase database, int generation, DateTimeOffset? time, Func<IServerFiles, Task> fill, CancellationToken ct)
    {
        await RequireVolumeAsync(database, generation, ct);
        var (container, root) = generation == database.Generation
            ? (await RequireServerAsync(database, ct), RootOf(database))
            : (await RequireFillerAsync(database, generation, ct), RootOf(database, generation));
        if (await TryRunAsync(container, [FilesProgram, "begin", root], null, null, ct) is { ExitCode: not MadeAlready } begun)
        {
            RequireDone(begun);
            await fill(new Files(this, container, $"{root}/new"));
            await RunAsync(container, [FilesProgram, "finish", root], TextOf(ImageOf(database).CompletionOf(database, time)), ct);
        }

        if (generation != database.Generation)
        {
            // It need not be gone: no server starts before it is.
            await instances.DeleteAsync(CloudProject.Id, container, ct);
        }
    }

    /// <summary>
    /// Has a database hold what a server in another container holds at this instant, with no byte copied: its volume shares the blocks of
    /// the other's. Its server recovers from that as from a crash of the host.
    /// </summary>
    /// <param name="supply">
    /// Unpacks the source's log from the file of this name on to the present. Called after that instant, where the log is not in the copy.
    /// </param>
    /// <returns>False where the other's host has no room for it: it is to be filled.</returns>
    public async Task<bool> CopyAsync(
        ManagedDatabase source, ManagedDatabase database, Func<string, IServerFiles, Task> supply, CancellationToken ct)
    {
        var name = NameOf(database, database.Generation);
        if (await storage.FindVolumeAsync(CloudProject.Id, name, ct) is null)
        {
            var original = NameOf(source, source.Generation);
            var volume = await storage.FindVolumeAsync(CloudProject.Id, original, ct) ?? throw CloudException.NotFound("volume", original);
            var type = DatabaseType.Require(database.Type);
            if (await instances.RefusalOfContainerAsync(
                ImageOf(database).Name, type.Vcpus, MemoryBytesOf(type), volume.Host, ct) is not null)
            {
                return false;
            }

            await RequireVolumeAsync(database, database.Generation, ct, volume);
        }

        await RequireVolumeAsync(database, database.Generation, ct);
        var needed = "";
        var adopted = await TryRunAsync(
            await RequireServerAsync(database, ct), [FilesProgram, "adopt", RootOf(database)],
            TextOf(ImageOf(database).AdoptionOf(database)),
            async (said, read) => needed = (await new StreamReader(said).ReadToEndAsync(read)).Trim(), ct);
        if (adopted.ExitCode == NotMade)
        {
            return false;
        }

        RequireDone(adopted);
        if (needed.Length > 0)
        {
            await supply(needed, new CopiedLog(this, database));
        }

        return true;
    }

    public async Task<bool> StartAsync(ManagedDatabase database, CancellationToken ct)
    {
        await RemoveOthersAsync(database, ct);
        var server = await RequireServerAsync(database, ct);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(StartLimit);
        try
        {
            var end = await TryRunAsync(
                server, [FilesProgram, "settings", RootOf(database), "start"], SettingsOf(database), null, limit.Token);
            if (end.ExitCode != ServerEnded)
            {
                RequireDone(end);
            }

            return end.ExitCode == 0;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new CloudException(ErrorKind.Unavailable, "server-not-ready", "The server does not take connections yet.");
        }
    }

    public async Task RecoverAllAsync(ManagedDatabase database, CancellationToken ct) => await RunAsync(
        NameOf(database, database.Generation), [FilesProgram, "recover", RootOf(database)], TextOf(ServerSettings.Recovery(null)), ct);

    public Task StopAsync(ManagedDatabase database, CancellationToken ct) =>
        StopAsync(database, (_, _) => Task.CompletedTask, ct);

    /// <summary>Stops a server in good order.</summary>
    /// <param name="ended">
    /// Called when the server has ended and its container has not; told whether its files are whole, as a server's that was not killed.
    /// </param>
    public async Task StopAsync(ManagedDatabase database, Func<bool, CancellationToken, Task> ended, CancellationToken ct)
    {
        var name = NameOf(database, database.Generation);
        var state = await instances.FindAsync(CloudProject.Id, name, ct);
        if (state?.Status == InstanceState.Running)
        {
            var end = await TryRunAsync(name, ImageOf(database).StopCommandOf(RootOf(database)), null, null, ct);
            if (end.ExitCode != NotWhole)
            {
                RequireDone(end);
            }

            await ended(end.ExitCode == 0, ct);
            await KeepLogAsync(database, ct);
            state = await instances.StopAsync(CloudProject.Id, name, ct);
        }

        if (state is { Settled: false })
        {
            throw Awaited($"The container of the server is {state.Status}.");
        }
    }

    public async Task ReloadAsync(ManagedDatabase database, CancellationToken ct)
    {
        if (await RunsAsync(database, ct))
        {
            await RunAsync(
                NameOf(database, database.Generation), [FilesProgram, "settings", RootOf(database), "reload"], SettingsOf(database), ct);
        }
    }

    public async Task<bool> RunsAsync(ManagedDatabase database, CancellationToken ct) =>
        await instances.FindAsync(CloudProject.Id, NameOf(database, database.Generation), ct) is { Status: InstanceState.Running };

    public async Task<long> UsedBytesAsync(ManagedDatabase database, CancellationToken ct)
    {
        if (await ImageOf(database).FindUsedBytesAsync(database, ct) is { } known)
        {
            return known;
        }

        var said = "";
        RequireDone(await TryRunAsync(
            NameOf(database, database.Generation), [ReadProgram, UsedFile], null,
            async (used, read) => said = await new StreamReader(used).ReadToEndAsync(read), ct));
        return long.Parse(said, CultureInfo.InvariantCulture);
    }

    /// <summary>Has the settings lie where a server that runs reads them when it is told to.</summary>
    public async Task WriteSettingsAsync(ManagedDatabase database, CancellationToken ct) => RequireDone(
        await RunFilesAsync(database, ["settings"], SettingsOf(database), null, ct));

    /// <summary>Runs the program that knows the server's files, in its container.</summary>
    /// <param name="words">What it is to do, and with what; in between comes where the files are.</param>
    public Task<ContainerCommandEnd> RunFilesAsync(
        ManagedDatabase database, IReadOnlyList<string> words, Stream? input, Func<Stream, CancellationToken, Task>? output,
        CancellationToken ct) => TryRunAsync(
            NameOf(database, database.Generation), [FilesProgram, words[0], RootOf(database), .. words.Skip(1)], input, output, ct);

    public Task RequireRoomAsync(ManagedDatabase database, long sizeBytes, CancellationToken ct) => sizeBytes < database.SizeBytes
        ? throw CloudException.Invalid("sizeBytes", $"The volume of a server in a container never shrinks: it has {database.SizeBytes}.")
        : Task.CompletedTask;

    public bool StopsToGrow => true;

    public async Task ResizeAsync(ManagedDatabase database, CancellationToken ct)
    {
        var name = NameOf(database, database.Generation);
        await GrowAsync(name, VolumeBytesOf(database), ct);
        if (await storage.FindVolumeAsync(CloudProject.Id, name + LogSuffix, ct) is not null)
        {
            await GrowAsync(name + LogSuffix, VolumeBytesOf(database), ct);
        }

        var type = DatabaseType.Require(database.Type);
        await instances.ResizeAsync(CloudProject.Id, name, type.Vcpus, MemoryBytesOf(type), ct);
    }

    private async Task GrowAsync(string name, long wanted, CancellationToken ct)
    {
        var volume = await storage.GrowVolumeAsync(CloudProject.Id, name, wanted, ct);
        if (volume.Status == BlockVolume.Resizing)
        {
            throw Awaited("The volume is growing.");
        }

        if (volume.SizeBytes < wanted)
        {
            throw CloudException.Conflict("volume-not-grown", $"The volume did not grow: {volume.StatusReason}");
        }
    }

    public async Task<string> LogAsync(ManagedDatabase database, int lines, CancellationToken ct)
    {
        var text = "";
        if (await RunsAsync(database, ct))
        {
            await ReadLogAsync(database, lines, async (log, read) => text = await new StreamReader(log).ReadToEndAsync(read), ct);
            return text;
        }

        await using var kept = await objects.OpenAsync(ArchiveKeys.Bucket, ArchiveKeys.LastLogOf(database.Id, database.Generation), ct)
            ?? throw CloudException.Conflict("not-running", "The server does not run, and its log was not read before it ended.");
        text = await new StreamReader(kept).ReadToEndAsync(ct);
        return string.Concat(text.Split('\n', StringSplitOptions.RemoveEmptyEntries).TakeLast(lines).Select(line => line + "\n"));
    }

    public async Task RemoveAsync(ManagedDatabase database, int generation, CancellationToken ct)
    {
        var name = NameOf(database, generation);
        foreach (var container in new[] { name, name + FillSuffix })
        {
            await RequireGoneAsync(instances.DeleteAsync(CloudProject.Id, container, ct), container);
        }

        foreach (var volume in new[] { name, name + LogSuffix })
        {
            await RequireGoneAsync(DeleteVolumeAsync(volume, ct), volume);
        }
    }

    public async Task RemoveAllAsync(ManagedDatabase database, CancellationToken ct)
    {
        for (var generation = 1; generation <= database.LastGeneration; generation++)
        {
            await RemoveAsync(database, generation, ct);
        }

        ImageOf(database).Forget(database);
    }

    /// <summary>Why no server of a type can have a container now; null where it can.</summary>
    public Task<string?> RefusalOfAsync(DatabaseEngine engine, DatabaseType type, CancellationToken ct) =>
        instances.RefusalOfContainerAsync(ImageOf(engine).Name, type.Vcpus, MemoryBytesOf(type), volumeHost: null, ct);

    /// <summary>The names of all containers and volumes of servers.</summary>
    public async Task<IReadOnlyList<string>> ListAsync(CancellationToken ct)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var id in await instances.ListAsync(CloudProject.Id, Managed, ct))
        {
            if (await instances.FindAsync(CloudProject.Id, id, ct) is { } container)
            {
                names.Add(container.Name);
            }
        }

        foreach (var id in await storage.ListVolumesAsync(CloudProject.Id, Managed, ct))
        {
            if (await storage.FindVolumeAsync(CloudProject.Id, id, ct) is { } volume)
            {
                names.Add(volume.Name);
            }
        }

        return [.. names];
    }

    /// <summary>
    /// Of a container and a volume of this name, what is there, and the containers that may have the volume. Called again until nothing is.
    /// </summary>
    public async Task RemoveAsync(string name, CancellationToken ct)
    {
        var holder = name.EndsWith(LogSuffix, StringComparison.Ordinal) ? name[..^LogSuffix.Length] : name;
        if (await instances.DeleteAsync(CloudProject.Id, holder, ct)
            && await instances.DeleteAsync(CloudProject.Id, holder + FillSuffix, ct))
        {
            await DeleteVolumeAsync(name, ct);
        }
    }

    /// <summary>All that containers and volumes of a database may be called now.</summary>
    public static IEnumerable<string> NamesOf(ManagedDatabase database)
    {
        if (database.Status == DatabaseStatus.Deleted)
        {
            return [];
        }

        // While something is under way, or went wrong, any generation may be in use.
        var generations = database.ShouldRun || database.Status == DatabaseStatus.Stopped
            ? [database.Generation, database.SafetyGeneration ?? database.Generation]
            : Enumerable.Range(1, database.LastGeneration);
        return generations.Select(generation => NameOf(database, generation))
            .SelectMany(name => new[] { name, name + FillSuffix, name + LogSuffix });
    }

    /// <summary>What its generation, and the containers that fill it, are called.</summary>
    public static string NameOf(ManagedDatabase database, int generation) =>
        string.Create(CultureInfo.InvariantCulture, $"{database.Id}-{generation}");

    private IServerImage ImageOf(ManagedDatabase database) => ImageOf(database.Engine);

    private IServerImage ImageOf(DatabaseEngine engine) => engine == DatabaseEngine.Redis ? redis : postgres;

    private static string RootOf(ManagedDatabase database) => RootOf(database, database.Generation);

    private static string RootOf(ManagedDatabase database, int generation) =>
        string.Create(CultureInfo.InvariantCulture, $"/srv/{database.Id}/{generation}");

    /// <summary>The database's size, and what is the file system's own, the reserve's, and room for the server to work in.</summary>
    private long VolumeBytesOf(ManagedDatabase database)
    {
        const long Own = 96L << 20;
        const long BytesMax = 16L << 40;
        return Math.Min(database.SizeBytes + database.SizeBytes / 16 + Own + ImageOf(database).RoomBytesOf(database), BytesMax);
    }

    private static long MemoryBytesOf(DatabaseType type) => (long)type.MemoryMebibytes << 20;

    /// <param name="source">The volume whose blocks a new one shares; null for a blank one.</param>
    private async Task RequireVolumeAsync(ManagedDatabase database, int generation, CancellationToken ct, BlockVolume? source = null)
    {
        var name = NameOf(database, generation);
        var wanted = new NewBlockVolume(
            CloudProject.Id, name, Math.Max(VolumeBytesOf(database), source?.SizeBytes ?? 0), Volume: source?.Id,
            Labels: LabelsOf(database));
        var volume = await RequireVolumeAsync(wanted, ct);
        if (ImageOf(database).HasLogVolume)
        {
            // As large as the other: what is used of both together is what a database may use.
            await RequireVolumeAsync(wanted with { Name = name + LogSuffix, Volume = null, IsLog = true, Host = volume.Host }, ct);
        }
    }

    private async Task<BlockVolume> RequireVolumeAsync(NewBlockVolume wanted, CancellationToken ct)
    {
        var volume = await storage.CreateVolumeAsync(wanted, ct);
        if (volume.Status == "failed")
        {
            await storage.DeleteVolumeAsync(CloudProject.Id, volume.Id, ct);
        }

        if (volume.Status is not (BlockVolume.Available or BlockVolume.Attached))
        {
            throw Awaited($"The server's volume is {volume.Status}{(volume.StatusReason is { } why ? $": {why}" : ".")}");
        }

        return volume;
    }

    /// <summary>Deletes a volume whose containers are gone: that they let go of it may not have been heard of yet.</summary>
    private async Task<bool> DeleteVolumeAsync(string name, CancellationToken ct)
    {
        if (await storage.FindVolumeAsync(CloudProject.Id, name, ct) is { Instance: { } gone })
        {
            await storage.ReleaseAsync(CloudProject.Id, gone, ct);
        }

        return await storage.DeleteVolumeAsync(CloudProject.Id, name, ct);
    }

    private async Task<string> RequireServerAsync(ManagedDatabase database, CancellationToken ct)
    {
        var name = NameOf(database, database.Generation);
        var type = DatabaseType.Require(database.Type);
        return await RequireContainerAsync(Describe(database, name, RootOf(database), name) with
        {
            Vcpus = type.Vcpus,
            MemoryBytes = MemoryBytesOf(type),
            Listeners = [new NewListener(ImageOf(database).Listener, database.Port)],
        }, ct);
    }

    private Task<string> RequireFillerAsync(ManagedDatabase database, int generation, CancellationToken ct)
    {
        var name = NameOf(database, generation);
        return RequireContainerAsync(Describe(database, name + FillSuffix, RootOf(database, generation), name), ct);
    }

    private NewServiceInstance Describe(ManagedDatabase database, string name, string root, string volume) => new()
    {
        Name = name,
        ManagedBy = DatabaseSetup.Name,
        Labels = LabelsOf(database),
        Image = ImageOf(database).Name,
        Vcpus = 1,
        MemoryBytes = FillMemoryBytes,
        Command = [ServerProgram, "run", root],
        ReadOnlyRoot = true,
        Volumes = (ImageOf(database).HasLogVolume ? (string[])["", LogSuffix] : [""]).Select(
            suffix => new NewInstanceVolume(volume + suffix, ReadOnly: false, DeleteOnTermination: false, root + suffix)).ToList(),
    };

    private async Task<string> RequireContainerAsync(NewServiceInstance wanted, CancellationToken ct)
    {
        var name = wanted.Name;
        var state = await instances.CreateServiceAsync(wanted, ct);
        if (state is { Settled: true, Status: not InstanceState.Running })
        {
            state = await instances.StartAsync(CloudProject.Id, name, ct);
        }

        return state.Status == InstanceState.Running
            ? name
            : throw Awaited($"The server's container is {state.Status}{(state.StatusReason is { } why ? $": {why}" : ".")}");
    }

    /// <summary>A port is one container's at a time, and so is a volume.</summary>
    private async Task RemoveOthersAsync(ManagedDatabase database, CancellationToken ct)
    {
        foreach (var id in await instances.ListAsync(CloudProject.Id, LabelsOf(database), ct))
        {
            if (await instances.FindAsync(CloudProject.Id, id, ct) is { } other && other.Name != NameOf(database, database.Generation))
            {
                await RequireGoneAsync(instances.DeleteAsync(CloudProject.Id, id, ct), other.Name);
            }
        }
    }

    private static Dictionary<string, string> Managed => new() { ["managed-by"] = DatabaseSetup.Name };

    private static Dictionary<string, string> LabelsOf(ManagedDatabase database) => new(Managed) { ["database"] = database.Id.Value };

    private static async Task RequireGoneAsync(Task<bool> deletion, string name)
    {
        if (!await deletion)
        {
            throw Awaited($"'{name}' is being removed.");
        }
    }

    private static CloudException Awaited(string what) => new(ErrorKind.Unavailable, "container-not-ready", what);

    /// <summary>Keeps the end of the log for when nothing runs that could read it.</summary>
    private async Task KeepLogAsync(ManagedDatabase database, CancellationToken ct)
    {
        try
        {
            var key = ArchiveKeys.LastLogOf(database.Id, database.Generation);
            await ReadLogAsync(database, KeptLines, (log, read) => objects.PutAsync(ArchiveKeys.Bucket, key, log, read), ct);
        }
        catch (CloudException away) when (away.Kind == ErrorKind.Unavailable)
        {
            LogNotKept(logger, database.Id, away.Message);
        }
    }

    private async Task ReadLogAsync(
        ManagedDatabase database, int lines, Func<Stream, CancellationToken, Task> read, CancellationToken ct) =>
        RequireDone(await TryRunAsync(
            NameOf(database, database.Generation),
            [FilesProgram, "log", RootOf(database), lines.ToString(CultureInfo.InvariantCulture)], null, read, ct));

    private async Task RunAsync(string container, IReadOnlyList<string> command, Stream? input, CancellationToken ct) =>
        RequireDone(await TryRunAsync(container, command, input, null, ct));

    private Task<ContainerCommandEnd> TryRunAsync(
        string container, IReadOnlyList<string> command, Stream? input, Func<Stream, CancellationToken, Task>? output,
        CancellationToken ct) =>
        instances.RunAsync(CloudProject.Id, container, new ContainerCommand(command), input, output, ct);

    public static void RequireDone(ContainerCommandEnd end)
    {
        if (end.ExitCode != 0)
        {
            throw new CloudException(
                ErrorKind.Unavailable, "server-program-failed",
                $"A program of the server's container ended with {end.ExitCode}{LastWords.OfProgram(end.ErrorTail)}",
                new InvalidOperationException(end.ErrorTail));
        }
    }

    private static MemoryStream TextOf(string text) => new(Encoding.UTF8.GetBytes(text));

    /// <summary>A tar of all that a server is told by files.</summary>
    private MemoryStream SettingsOf(ManagedDatabase database)
    {
        var (certificate, key) = certificates.Make(database);
        var packed = new MemoryStream();
        using (var tar = new TarWriter(packed, TarEntryFormat.Ustar, leaveOpen: true))
        {
            foreach (var (path, text) in ((string, string)[])
            [
                .. ImageOf(database).SettingsOf(database), ("tls/server.crt", certificate), ("tls/server.key", key),
            ])
            {
                tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, path)
                {
                    Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                    DataStream = TextOf(text),
                });
            }
        }

        packed.Position = 0;
        return packed;
    }

    [LoggerMessage(9011, LogLevel.Warning, "The last log of {Database} was not kept as its server stopped: {Reason}")]
    private static partial void LogNotKept(ILogger logger, DatabaseId database, string reason);

    private sealed class CopiedLog(ServerContainers place, ManagedDatabase database) : IServerFiles
    {
        public async Task UnpackAsync(string folder, Stream tar, CancellationToken ct) =>
            RequireDone(await place.RunFilesAsync(database, ["supply"], tar, null, ct));
    }

    private sealed class Files(ServerContainers place, string container, string root) : IServerFiles
    {
        public async Task UnpackAsync(string folder, Stream tar, CancellationToken ct)
        {
            var end = await place.TryRunAsync(container, [FilesProgram, "unpack", Path.Combine(root, folder)], tar, null, ct);
            if (end.ExitCode == NotUnpacked)
            {
                // No further try would do better.
                throw CloudException.Conflict(
                    "files-not-unpacked", $"The server's files cannot be unpacked{LastWords.OfProgram(end.ErrorTail)}");
            }

            RequireDone(end);
        }
    }
}
