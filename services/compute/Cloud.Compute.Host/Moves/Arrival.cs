using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Cloud.Compute.Host.Guests;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Moves;

/// <summary>
/// What this host awaits, a guest or a volume: a socket in its folder, as the hosts have no network in common, where the old host comes
/// in by an arrival's own secret, and what came so far. It is not this host's until the old one lets it go. Where nobody comes for a while
/// it ends by itself.
/// </summary>
internal sealed class Arrival : IAsyncDisposable
{
    private const int SecretBytes = 32;

    /// <summary>ENOSPC, as .NET hands it on.</summary>
    private const int NoSpace = 28;
    private static readonly TimeSpan GreetingLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan IdleLimit = TimeSpan.FromMinutes(1);

    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly byte[] _secret = RandomNumberGenerator.GetBytes(SecretBytes);
    private readonly CancellationTokenSource _ending = new();
    private readonly SemaphoreSlim _one = new(1, 1);
    private readonly IArrivalSteps _steps;
    private readonly TimeProvider _time;
    private readonly Task _listening;
    private IVmArrival? _machine;
    private int _open;
    private bool _begun;
    private bool _ended;
    private bool _abandoned;

    public Arrival(IArrivalSteps steps, string socketPath, TimeProvider time)
    {
        SocketPath = socketPath;
        _steps = steps;
        _time = time;
        _listener.Bind(new UnixDomainSocketEndPoint(socketPath));
        _listener.Listen();
        _listening = ListenAsync();
    }

    /// <summary>Null where a volume comes.</summary>
    public Guest? Guest => _steps.Guest;

    public string SocketPath { get; }

    public string Secret => Convert.ToHexStringLower(_secret);

    /// <summary>It runs here, and is a guest like any other.</summary>
    public bool HasArrived { get; private set; }

    /// <summary>Ends when it is not awaited any more, whether it came or not.</summary>
    public Task Ended => _listening;

    /// <summary>Ends the wait, unless the guest is here. Where it fails to take away what came it can be asked again.</summary>
    /// <returns>False where it is.</returns>
    public async Task<bool> EndAsync()
    {
        await _one.WaitAsync();
        try
        {
            if (!HasArrived)
            {
                await EndInTurnAsync();
            }

            return !HasArrived;
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task EndInTurnAsync()
    {
        _ended = true;
        await _ending.CancelAsync();
        _listener.Close();
        if (_machine is { } machine)
        {
            await machine.DisposeAsync();
            _machine = null;
        }

        if (!_abandoned)
        {
            await _steps.AbandonAsync();
            _abandoned = true;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Close();
        await _listening;
        if (!HasArrived && _machine is { } machine)
        {
            await machine.DisposeAsync();
        }

        _listener.Dispose();
    }

    private async Task ListenAsync()
    {
        var heardAt = _time.GetTimestamp();
        var accepting = _listener.AcceptAsync(_ending.Token).AsTask();
        while (!_ending.IsCancellationRequested)
        {
            await Task.WhenAny(accepting, Task.Delay(IdleLimit, _time));
            try
            {
                if (accepting.IsCompleted)
                {
                    var socket = await accepting;
                    accepting = _listener.AcceptAsync(_ending.Token).AsTask();
                    heardAt = _time.GetTimestamp();
                    _ = ServeAsync(socket);
                }
                else if (Volatile.Read(ref _open) == 0 && _time.GetElapsedTime(heardAt) > IdleLimit)
                {
                    await EndAsync();
                }
            }
            catch (Exception closed) when (closed is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (Exception failed) when (failed is IOException or Primitives.CloudException)
            {
                // It is awaited no more. What came is taken away when that is asked for, or at the agent's next start.
                return;
            }
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        Interlocked.Increment(ref _open);
        using (socket)
        {
            try
            {
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(_ending.Token);
                limit.CancelAfter(GreetingLimit);
                var way = await MoveWays.ReceiveAsync<MoveWay>(socket, limit.Token);
                if (CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(way.Secret), Encoding.ASCII.GetBytes(Secret)))
                {
                    await ServeAsync(socket, way);
                }
            }
            catch (Exception broken)
                when (broken is IOException or SocketException or OperationCanceledException or JsonException or ObjectDisposedException)
            {
                // Whoever came is gone, or was nobody; the old host sees it at its end.
            }
        }

        Interlocked.Decrement(ref _open);
    }

    private async Task ServeAsync(Socket socket, MoveWay way)
    {
        var ct = _ending.Token;
        MoveAnswer answer;
        try
        {
            answer = way.Name switch
            {
                MoveWays.Layer or MoveWays.VolumeLayer or MoveWays.State or MoveWays.Top =>
                    await WithStreamAsync(socket, stream => _steps.TakeFileAsync(way, stream, ct)),
                MoveWays.Luggage => await TakeLuggageAsync(socket, way, ct),
                MoveWays.Written => await WithStreamAsync(socket, stream => RequireGuest().TakeWrittenAsync(stream, way.LengthBytes, ct)),
                MoveWays.Log => await WithStreamAsync(socket, stream => RequireGuest().TakeLogAsync(way, stream, ct)),
                MoveWays.Begin => await BeginAsync(ct),
                MoveWays.Run => await RunAsync(ct),
                _ => _machine is null ? new MoveAnswer("Nothing awaits that yet.") : new MoveAnswer(),
            };
        }
        catch (Exception failed) when (failed is VmException or IOException or UnauthorizedAccessException or Primitives.CloudException)
        {
            answer = new MoveAnswer(failed is IOException { HResult: NoSpace } ? "Its disk is full." : failed.Message);
        }

        await MoveWays.SendAsync(socket, answer, CancellationToken.None);
        if (HasArrived)
        {
            await _ending.CancelAsync();
            _listener.Close();
        }
        else if (answer.Error is null && (way.Name == VmMove.Memory || way.Name.StartsWith(VmMove.Disk, StringComparison.Ordinal)))
        {
            await _machine!.AcceptAsync(way.Name, socket, ct);
        }
    }

    private Guest RequireGuest() => Guest ?? throw new VmException("No guest is awaited.");

    private static async Task<MoveAnswer> WithStreamAsync(Socket socket, Func<Stream, Task> take)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: false);
        await take(stream);
        return new MoveAnswer();
    }

    private async Task<MoveAnswer> TakeLuggageAsync(Socket socket, MoveWay way, CancellationToken ct)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: false);
        return new MoveAnswer(Missing: await _steps.Room.TakeAsync(stream, way.LengthBytes, ct));
    }

    private async Task<MoveAnswer> BeginAsync(CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        try
        {
            if (_ended)
            {
                throw new VmException("It is awaited no more.");
            }

            if (!_begun)
            {
                await _steps.Room.StowAsync(ct);
                _begun = true;
            }

            if (_steps.ComesAtRest)
            {
                return new MoveAnswer();
            }

            _machine ??= await _steps.AwaitMachineAsync(ct);
            return new MoveAnswer(TakesMemoryLate: _machine.TakesMemoryLate);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Has it run here, or never.</summary>
    private async Task<MoveAnswer> RunAsync(CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        try
        {
            if (_ended || !_begun || (_machine is null && !_steps.ComesAtRest))
            {
                throw new VmException("It is awaited no more.");
            }

            var hasRun = await _steps.ArriveAsync(_machine, () => HasArrived = true);
            return new MoveAnswer(HasRunSeconds: hasRun.TotalSeconds);
        }
        catch (Exception failed) when (HasArrived && (failed is VmException or IOException or Primitives.CloudException))
        {
            // It is this host's, and it is this host that tells how it ended.
            return new MoveAnswer();
        }
        catch (Exception failed) when (failed is VmException or IOException or UnauthorizedAccessException or Primitives.CloudException)
        {
            await EndInTurnAsync();
            return new MoveAnswer(failed.Message);
        }
        finally
        {
            _one.Release();
        }
    }
}

/// <summary>What the host does for one arrival.</summary>
internal interface IArrivalSteps
{
    /// <summary>Null where a volume comes.</summary>
    Guest? Guest { get; }

    LuggageRoom Room { get; }

    /// <summary>No machine is needed to take it in.</summary>
    bool ComesAtRest { get; }

    /// <summary>Takes in a file.</summary>
    Task TakeFileAsync(MoveWay way, Stream content, CancellationToken ct);

    /// <summary>Starts the machine that awaits the guest.</summary>
    Task<IVmArrival> AwaitMachineAsync(CancellationToken ct);

    /// <summary>Makes it this host's, and lets it run.</summary>
    /// <param name="machine">Has all of the guest; null where it comes at rest.</param>
    /// <param name="isHere">Called at the instant from which on it is.</param>
    /// <returns>For how long it has run, by now.</returns>
    Task<TimeSpan> ArriveAsync(IVmArrival? machine, Action isHere);

    /// <summary>Removes what was prepared.</summary>
    Task AbandonAsync();
}
