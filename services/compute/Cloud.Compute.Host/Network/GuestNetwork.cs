using System.Collections.Concurrent;
using System.Diagnostics;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Guests;
using Cloud.Primitives;
using Cloud.Switch.Client;
using Cloud.Vmm;
using Microsoft.Extensions.Options;

namespace Cloud.Compute.Host.Network;

/// <summary>
/// The guests' network on this host: a switch process that is found or started, told what ports there are, and started again when it is
/// lost. Every guest's port is told anew then, so that the switch has what this agent wants whatever it had kept.
/// </summary>
internal sealed partial class GuestNetwork(IOptions<HostOptions> options, TimeProvider time, ILogger<GuestNetwork> log) : IAsyncDisposable
{
    private static readonly TimeSpan RestartPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan EnsureLimit = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, SwitchPort> _wanted = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _one = new(1, 1);
    private volatile SwitchTrunk? _trunk;
    private volatile IReadOnlyList<HostService>? _services;
    private readonly CancellationTokenSource _closing = new();
    private SwitchClient? _client;
    private int _processId;
    private Task _watching = Task.CompletedTask;

    public SwitchFolder Folder { get; } = new(Path.Combine(options.Value.Folder, "switch"));

    /// <summary>
    /// Makes the switch have these guests' ports and no other. On a busy host one that runs may take its time to answer, and none is
    /// started beside it: it is asked for a while.
    /// </summary>
    public async Task EnsureAsync(IReadOnlyList<(GuestSpec Spec, PortPresence Presence)> guests, CancellationToken ct)
    {
        for (var began = time.GetTimestamp(); ;)
        {
            try
            {
                await HaveAsync(guests, ct);
                return;
            }
            catch (Exception failed)
                when (failed is CloudException { Kind: ErrorKind.Unavailable } or IOException or TimeoutException
                    && time.GetElapsedTime(began) < EnsureLimit)
            {
                LogNotStarted(log, failed.Message);
                await Task.Delay(RestartPause, time, ct);
            }
        }
    }

    private async Task HaveAsync(IReadOnlyList<(GuestSpec Spec, PortPresence Presence)> guests, CancellationToken ct)
    {
        foreach (var (spec, presence) in guests.Where(guest => guest.Spec.HasNetwork))
        {
            _wanted[spec.Id] = ToPort(spec, presence);
        }

        await AskAsync(
            async client =>
            {
                foreach (var id in await client.ListAsync(ct))
                {
                    if (!_wanted.ContainsKey(id))
                    {
                        LogLeftOver(log, id);
                        await client.LeaveAsync(id, ct);
                    }
                }

                return true;
            },
            ct);
        foreach (var id in Directory.EnumerateDirectories(Folder.Ports).Select(Path.GetFileName)
            .OfType<string>().Where(id => !_wanted.ContainsKey(id)))
        {
            RemoveFolder(id);
        }
    }

    /// <summary>Makes the guest's port, or brings it to the spec. Null for one that has no network.</summary>
    /// <exception cref="CloudException">A published port is taken by another program; the switch can't be started.</exception>
    public async Task<VmNic?> JoinAsync(GuestSpec spec, PortPresence presence, CancellationToken ct)
    {
        if (!spec.HasNetwork)
        {
            return null;
        }

        var port = ToPort(spec, presence);
        await AskAsync(
            async client =>
            {
                await client.JoinAsync(port, ct);
                return true;
            },
            ct);
        _wanted[spec.Id] = port;
        return new VmNic(spec.MacAddress, Folder.SwitchSocket(spec.Id), Folder.GuestSocket(spec.Id));
    }

    public async Task LeaveAsync(GuestSpec spec, CancellationToken ct)
    {
        if (!spec.HasNetwork)
        {
            return;
        }

        _wanted.TryRemove(spec.Id, out _);
        await AskAsync(
            async client =>
            {
                await client.LeaveAsync(spec.Id, ct);
                return true;
            },
            ct);
        RemoveFolder(spec.Id);
    }

    /// <summary>
    /// The guest is on another host, or does not come here: what it has here at the switch stays until it is nowhere any more.
    /// </summary>
    public async Task PartAsync(GuestSpec spec, CancellationToken ct)
    {
        if (!spec.HasNetwork)
        {
            return;
        }

        await JoinAsync(spec, PortPresence.Away, ct);
        _wanted.TryRemove(spec.Id, out _);
        RemoveFolder(spec.Id);
    }

    /// <summary>Joins the networks of this host with those of others.</summary>
    public async Task LinkAsync(IReadOnlyList<HostPeer> peers, CancellationToken ct)
    {
        var trunk = new SwitchTrunk(options.Value.Name, peers.Select(peer => new SwitchPeer(peer.Name, peer.SwitchFolder)).ToList());
        if (_trunk is { } told && told.Peers.SequenceEqual(trunk.Peers))
        {
            return;
        }

        _trunk = trunk;
        await AskAsync(
            async client =>
            {
                await client.LinkAsync(trunk, ct);
                return true;
            },
            ct);
    }

    /// <summary>
    /// Has guests reach these servers of the cloud, and no others. Until somebody has said which, the switch goes on with those it has.
    /// </summary>
    public async Task ServeAsync(IReadOnlyList<HostService> services, CancellationToken ct)
    {
        if (_services is { } told && IsSame(told, services))
        {
            return;
        }

        await AskAsync(
            async client =>
            {
                await client.ServeAsync(ToSwitch(services), ct);
                return true;
            },
            ct);
        _services = services;
    }

    /// <summary>What went through each guest's port.</summary>
    public Task<IReadOnlyList<PortStatistics>> ReadStatisticsAsync(CancellationToken ct) =>
        AskAsync(client => client.ReadStatisticsAsync(ct), ct);

    /// <summary>Ends the switch, because the host stops. Its ports are there again when it is started again.</summary>
    public async Task StopAsync(CancellationToken ct)
    {
        await _closing.CancelAsync();
        await _one.WaitAsync(ct);
        try
        {
            using var client = _client ?? await SwitchClient.TryConnectAsync(Folder.ControlSocket, ct);
            _client = null;
            if (client is not null)
            {
                await client.QuitAsync(ct);
                await client.Closed.WaitAsync(ct);
            }
        }
        finally
        {
            _one.Release();
        }

        await _watching;
    }

    /// <summary>Lets go of the switch, which goes on.</summary>
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        _client?.Dispose();
        await _watching;
    }

    /// <summary>Asks the switch; once more where it was lost or hung meanwhile.</summary>
    private async Task<T> AskAsync<T>(Func<SwitchClient, Task<T>> ask, CancellationToken ct)
    {
        try
        {
            try
            {
                return await ask(await ConnectAsync(ct));
            }
            catch (IOException)
            {
                return await ask(await ConnectAsync(ct));
            }
            catch (TimeoutException)
            {
                KillHung();
                return await ask(await ConnectAsync(ct));
            }
        }
        catch (SwitchException refused)
        {
            throw new CloudException(ErrorKind.Conflict, refused.Code, refused.Message, refused);
        }
        catch (Exception lost) when (lost is IOException or TimeoutException)
        {
            throw new CloudException(ErrorKind.Unavailable, "network-failed", "The host's network does not answer.", lost);
        }
    }

    private async Task<SwitchClient> ConnectAsync(CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        try
        {
            if (_client is { Closed.IsCompleted: false } open)
            {
                return open;
            }

            _client?.Dispose();
            _client = null;
            var client = await FindAsync(ct) ?? await StartAsync(ct);
            await TellAllAsync(client, ct);
            _client = client;
            _watching = WatchAsync(client);
            return client;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>The switch that runs, of whatever version: it is replaced only where this agent can't speak with it.</summary>
    private async Task<SwitchClient?> FindAsync(CancellationToken ct)
    {
        if (await SwitchClient.TryConnectAsync(Folder.ControlSocket, ct) is not { } client)
        {
            return null;
        }

        try
        {
            var hello = await client.HelloAsync(ct);
            _processId = hello.ProcessId;
            if (hello.Protocol == SwitchClient.Protocol)
            {
                LogFound(log, hello.ProcessId, hello.Version);
                return client;
            }

            LogReplaced(log, hello.Version);
            await client.QuitAsync(ct);
            await client.Closed.WaitAsync(ct);
        }
        catch (Exception lost) when (lost is IOException or TimeoutException or SwitchException)
        {
            LogUnusable(log, lost.Message);
            if (lost is TimeoutException)
            {
                KillHung();
            }
        }

        client.Dispose();
        return null;
    }

    private async Task<SwitchClient> StartAsync(CancellationToken ct)
    {
        await SwitchProcess.StartAsync(options.Value, Folder, ct);
        var client = await SwitchClient.TryConnectAsync(Folder.ControlSocket, ct)
            ?? throw new IOException("The switch was started and is gone again.");
        _processId = (await client.HelloAsync(ct)).ProcessId;
        LogStarted(log, _processId);
        return client;
    }

    private async Task TellAllAsync(SwitchClient client, CancellationToken ct)
    {
        if (_trunk is { } trunk)
        {
            await client.LinkAsync(trunk, ct);
        }

        if (_services is { } services)
        {
            try
            {
                await client.ServeAsync(ToSwitch(services), ct);
            }
            catch (SwitchException refused)
            {
                // No reason for guests to go without their ports either.
                LogServicesRefused(log, refused.Message);
            }
        }

        foreach (var port in _wanted.Values)
        {
            try
            {
                await client.JoinAsync(port, ct);
            }
            catch (SwitchException refused)
            {
                // One guest's port is no reason for the others to go without; its own start says it again.
                LogRefused(log, port.Id, refused.Message);
            }
        }
    }

    /// <summary>Follows the connection to its end, then finds or starts the switch again.</summary>
    private async Task WatchAsync(SwitchClient client)
    {
        try
        {
            await client.Closed.WaitAsync(_closing.Token);
            LogLost(log);
            while (true)
            {
                try
                {
                    await ConnectAsync(_closing.Token);
                    return;
                }
                catch (Exception failed)
                    when (failed is CloudException or IOException or TimeoutException or System.ComponentModel.Win32Exception)
                {
                    LogNotStarted(log, failed.Message);
                    await Task.Delay(RestartPause, time, _closing.Token);
                }
            }
        }
        catch (OperationCanceledException) when (_closing.IsCancellationRequested)
        {
            // The agent ends; the switch goes on.
        }
    }

    /// <summary>A switch that does not answer moves no frames either.</summary>
    private void KillHung()
    {
        try
        {
            using var process = Process.GetProcessById(_processId);
            if (process.ProcessName == Path.GetFileName(options.Value.SwitchProgram))
            {
                LogHung(log, _processId);
                process.Kill();
            }
        }
        catch (ArgumentException)
        {
            // It is gone already.
        }
    }

    /// <summary>The guest's process may have left more in its port's folder than the switch can remove; it runs no more.</summary>
    private void RemoveFolder(string id)
    {
        try
        {
            Directory.Delete(Folder.PortFolder(id), recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // The switch has removed it.
        }
    }

    private static bool IsSame(IReadOnlyList<HostService> some, IReadOnlyList<HostService> others) =>
        some.Count == others.Count && some.Zip(others).All(
            pair => pair.First with { Names = pair.Second.Names } == pair.Second && pair.First.Names.SequenceEqual(pair.Second.Names));

    private static List<SwitchService> ToSwitch(IReadOnlyList<HostService> services) => services.Select(service => new SwitchService
    {
        Id = service.Id,
        Project = service.Project,
        Names = service.Names,
        Address = service.Address,
        Port = service.Port,
        HostPort = service.HostPort,
    }).ToList();

    private SwitchPort ToPort(GuestSpec spec, PortPresence presence) => new()
    {
        Presence = presence,
        Id = spec.Id,
        Project = spec.Project,
        HostName = spec.HostName,
        MacAddress = spec.MacAddress,
        Address = spec.Address,
        GuestSocket = Folder.GuestSocket(spec.Id),
        Published = spec.Ports.Select(port => new PublishedPort(port.Guest, port.Host)).ToList(),
        Metadata = new PortMetadata
        {
            UserData = spec.UserData,
            AuthorizedKeys = spec.AuthorizedKeys,
            MetaData = Seed.MetaData(spec),
            NetworkConfig = Seed.NetworkConfig,
        },
    };

    [LoggerMessage(EventId = 3100, Level = LogLevel.Information, Message = "Started the switch: process {ProcessId}")]
    private static partial void LogStarted(ILogger log, int processId);

    [LoggerMessage(EventId = 3101, Level = LogLevel.Information, Message = "Found the switch: process {ProcessId}, version {Version}")]
    private static partial void LogFound(ILogger log, int processId, string version);

    [LoggerMessage(EventId = 3102, Level = LogLevel.Warning, Message = "The switch is lost; it is started again")]
    private static partial void LogLost(ILogger log);

    [LoggerMessage(EventId = 3103, Level = LogLevel.Error, Message = "The switch does not start: {Reason}")]
    private static partial void LogNotStarted(ILogger log, string reason);

    [LoggerMessage(
        EventId = 3104, Level = LogLevel.Warning, Message = "Replaced the switch of version {Version}: it speaks another protocol")]
    private static partial void LogReplaced(ILogger log, string version);

    [LoggerMessage(EventId = 3105, Level = LogLevel.Error, Message = "The port of guest {Guest} was refused: {Reason}")]
    private static partial void LogRefused(ILogger log, string guest, string reason);

    [LoggerMessage(EventId = 3109, Level = LogLevel.Error, Message = "The servers that guests reach were refused: {Reason}")]
    private static partial void LogServicesRefused(ILogger log, string reason);

    [LoggerMessage(EventId = 3106, Level = LogLevel.Warning, Message = "Removed the port {Guest}: no guest has it")]
    private static partial void LogLeftOver(ILogger log, string guest);

    [LoggerMessage(EventId = 3107, Level = LogLevel.Error, Message = "Killed the switch, process {ProcessId}: it did not answer")]
    private static partial void LogHung(ILogger log, int processId);

    [LoggerMessage(EventId = 3108, Level = LogLevel.Warning, Message = "A switch was found that can't be used: {Reason}")]
    private static partial void LogUnusable(ILogger log, string reason);
}
