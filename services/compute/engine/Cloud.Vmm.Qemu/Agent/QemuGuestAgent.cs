using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Qemu.Agent;

/// <summary>
/// Speaks with the agent in a guest through the machine's socket. Connects at the first use and stays connected; an answer that is
/// late or makes no sense costs the connection, so that it is never taken for the answer to something later.
/// </summary>
internal sealed class QemuGuestAgent(string folder, TimeProvider time) : IGuestAgent, IAsyncDisposable
{
    private const int OutputBytesMax = 16 << 20;
    private const string StatusCommand = "guest-exec-status";
    private const int SignalBase = 128;
    private const long NanosecondsPerTick = 100;
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan TakeBackLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StatusPauseMin = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan StatusPauseMax = TimeSpan.FromMilliseconds(500);

    /// <summary>An end is seen a quarter of the program's time late at most: what waits for it is an instance's create.</summary>
    private const double StatusPauseGrowth = 1.25;

    private readonly SemaphoreSlim _one = new(1, 1);
    private AgentConnection? _connection;

    // While the guest holds its writes its agent runs nothing and tells of nothing that runs.
    private volatile TaskCompletionSource? _thawed;
    private volatile int _freezes;

    public async Task<bool> PingAsync(TimeSpan timeout, CancellationToken ct)
    {
        try
        {
            await AskAsync("guest-ping", null, timeout, ct);
            return true;
        }
        catch (VmException)
        {
            return false;
        }
    }

    public async Task<bool> FreezeAsync(CancellationToken ct)
    {
        try
        {
            _thawed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Interlocked.Increment(ref _freezes);
            await AskAsync("guest-fsfreeze-freeze", null, AnswerLimit, ct);
            return true;
        }
        catch (VmException)
        {
            await TakeBackFreezeAsync(ct);
            return false;
        }
    }

    /// <summary>It may have come about all the same, later than was waited for, or in part.</summary>
    private async Task TakeBackFreezeAsync(CancellationToken ct)
    {
        try
        {
            await AskAsync("guest-fsfreeze-thaw", null, TakeBackLimit, ct);
        }
        catch (VmException)
        {
            // It does not answer: nothing asks it to hold still again.
        }
        finally
        {
            LetOthersAsk();
        }
    }

    public async Task ThawAsync(CancellationToken ct)
    {
        try
        {
            await AskAsync("guest-fsfreeze-thaw", null, AnswerLimit, ct);
        }
        finally
        {
            LetOthersAsk();
        }
    }

    public async Task<bool> SetTimeAsync(DateTimeOffset now, TimeSpan timeout, CancellationToken ct)
    {
        try
        {
            var nanoseconds = (now - DateTimeOffset.UnixEpoch).Ticks * NanosecondsPerTick;
            await AskAsync("guest-set-time", new JsonObject { ["time"] = nanoseconds }, timeout, ct);
            return true;
        }
        catch (VmException)
        {
            return false;
        }
    }

    public async Task<GuestExecResult> ExecAsync(IReadOnlyList<string> command, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(command);
        if (command.Count == 0)
        {
            throw new VmException("A command has at least a program.");
        }

        var started = await AskThawedAsync(
            "guest-exec",
            new JsonObject
            {
                ["path"] = command[0],
                ["arg"] = new JsonArray([.. command.Skip(1).Select(argument => JsonValue.Create(argument))]),
                ["capture-output"] = true,
            },
            ct);
        var process = Number(started, "pid") ?? throw Strange();
        for (var pause = StatusPauseMin; ; pause = pause * StatusPauseGrowth < StatusPauseMax ? pause * StatusPauseGrowth : StatusPauseMax)
        {
            var status = await AskThawedAsync(StatusCommand, new JsonObject { ["pid"] = process }, ct);
            if (status.ValueKind == JsonValueKind.Object && status.TryGetProperty("exited", out var exited)
                && exited.ValueKind == JsonValueKind.True)
            {
                return new GuestExecResult(ExitCode(status), Output(status, "out-data"), Output(status, "err-data"));
            }

            await Task.Delay(pause, time, ct);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _one.WaitAsync();
        try
        {
            await DropAsync();
        }
        finally
        {
            _one.Release();
        }
    }

    private void LetOthersAsk()
    {
        var thawed = _thawed;
        _thawed = null;
        thawed?.SetResult();
    }

    /// <summary>Asks while the guest does not hold its writes; what it refused because it began to meanwhile is asked again.</summary>
    private async Task<JsonElement> AskThawedAsync(string command, JsonObject arguments, CancellationToken ct)
    {
        while (true)
        {
            var freezes = _freezes;
            try
            {
                if (_thawed is { } thawed)
                {
                    await thawed.Task.WaitAsync(AnswerLimit, time, ct);
                }

                return await AskAsync(command, (JsonObject)arguments.DeepClone(), AnswerLimit, ct);
            }
            catch (TimeoutException)
            {
                throw new VmException("The guest's agent is busy.");
            }
            catch (VmException refused) when (refused.InnerException is null && freezes != _freezes)
            {
                // Its file systems were frozen since.
            }
        }
    }

    private async Task<JsonElement> AskAsync(string command, JsonObject? arguments, TimeSpan limit, CancellationToken ct)
    {
        using var timer = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, timer.Token);
        try
        {
            await _one.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new VmException("The guest's agent is busy.");
        }

        var answered = false;
        try
        {
            _connection ??= AgentConnection.Over(await FolderSocket.ConnectAsync(folder, MachineFolder.Agent, either.Token));
            if (command != StatusCommand)
            {
                // The guest may have rebooted since, and its agent heard nothing of what is said before it is back.
                await _connection.GetInStepAsync(either.Token);
            }

            var answer = await _connection.AskAsync(command, arguments, either.Token);
            answered = true;
            return answer;
        }
        catch (VmException)
        {
            // A refusal is an answer too.
            answered = true;
            throw;
        }
        catch (Exception lost) when (lost is IOException or SocketException or JsonException or InvalidDataException)
        {
            throw new VmException("The guest's agent does not answer.", lost);
        }
        catch (OperationCanceledException late) when (!ct.IsCancellationRequested)
        {
            throw new VmException("The guest's agent does not answer.", late);
        }
        finally
        {
            if (!answered)
            {
                await DropAsync();
            }

            _one.Release();
        }
    }

    private async Task DropAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync();
        }
    }

    private static int ExitCode(JsonElement status) =>
        (int)(Number(status, "exitcode") ?? (SignalBase + (Number(status, "signal") ?? throw Strange())));

    private static byte[] Output(JsonElement status, string name)
    {
        if (!status.TryGetProperty(name, out var text))
        {
            return [];
        }

        return text.ValueKind == JsonValueKind.String && text.TryGetBytesFromBase64(out var bytes) && bytes.Length <= OutputBytesMax
            ? bytes
            : throw Strange();
    }

    private static long? Number(JsonElement answer, string name) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : null;

    private static VmException Strange() => new("The guest's agent answered what makes no sense.");
}
