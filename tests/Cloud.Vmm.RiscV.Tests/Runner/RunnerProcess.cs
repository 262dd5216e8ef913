using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Cloud.Vmm.RiscV.Tests.Runner;

/// <summary><c>cloud-vmm</c> as a process, in a folder of its own; gone with it.</summary>
internal sealed class RunnerProcess : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-vmm-").FullName;
    private Process? _process;

    internal int Id => _process!.Id;

    internal string At(string name) => Path.Combine(_folder, name);

    internal string Write(string name, byte[] bytes)
    {
        File.WriteAllBytes(At(name), bytes);
        return At(name);
    }

    internal void Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { WorkingDirectory = _folder };
        foreach (string argument in (string[])[Path.Combine(AppContext.BaseDirectory, "cloud-vmm.dll"), .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
    }

    /// <summary>Waits until the process has made a socket or file.</summary>
    internal async Task WaitForAsync(string name)
    {
        for (var waited = Stopwatch.StartNew(); !File.Exists(At(name));)
        {
            waited.Elapsed.ShouldBeLessThan(Limit, $"'{name}' is not there.");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
    }

    internal async Task<QmpTestClient> ConnectAsync(string name)
    {
        await WaitForAsync(name);
        for (var waited = Stopwatch.StartNew(); ;)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(At(name)), TestContext.Current.CancellationToken);
                return await QmpTestClient.GreetAsync(new NetworkStream(socket, ownsSocket: true));
            }
            catch (SocketException) when (waited.Elapsed < Limit)
            {
                socket.Dispose();
                await Task.Delay(20, TestContext.Current.CancellationToken);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>Speaks QMP.</summary>
internal sealed class QmpTestClient : IAsyncDisposable
{
    private readonly StreamReader _reader;
    private readonly StreamWriter _writer;

    private QmpTestClient(NetworkStream stream)
    {
        _reader = new StreamReader(stream);
        _writer = new StreamWriter(stream) { AutoFlush = true };
    }

    internal static async Task<QmpTestClient> GreetAsync(NetworkStream stream)
    {
        var client = new QmpTestClient(stream);
        await client._reader.ReadLineAsync(TestContext.Current.CancellationToken);
        await client.CallAsync("qmp_capabilities");
        return client;
    }

    /// <summary>What a command returned; an error of it is an <see cref="InvalidOperationException"/>.</summary>
    internal async Task<JsonNode> CallAsync(string command, JsonObject? arguments = null)
    {
        var call = new JsonObject { ["execute"] = command, ["arguments"] = arguments };
        await _writer.WriteLineAsync(call.ToJsonString());
        while (true)
        {
            string line = await _reader.ReadLineAsync(TestContext.Current.CancellationToken) ?? throw new EndOfStreamException();
            JsonObject message = JsonNode.Parse(line)!.AsObject();
            if (message["error"] is { } error)
            {
                throw new InvalidOperationException(error.ToJsonString());
            }

            if (message["return"] is { } value)
            {
                return value;
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        _reader.Dispose();
        return ValueTask.CompletedTask;
    }
}
