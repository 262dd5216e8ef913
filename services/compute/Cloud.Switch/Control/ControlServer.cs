using System.Net.Sockets;
using System.Reflection;
using System.Text.Json;
using Cloud.Switch.Client;
using Cloud.Switch.Native;
using Cloud.Switch.Relays;
using Cloud.Switch.State;
using Cloud.Switch.Trunks;

namespace Cloud.Switch.Control;

/// <summary>The control socket: a line of JSON in, a line out. The host agent is the only one who can open it.</summary>
internal sealed class ControlServer(string path, SwitchLoop loop, Trunk trunk, PortStore store, ServiceStore services) : IDisposable
{
    private const uint SocketMode = 0x180;
    private const int Backlog = 16;

    /// <summary>ENOSPC, as .NET hands it on.</summary>
    private const int NoSpace = 28;

    /// <summary>A change and its file are one: no two at a time.</summary>
    private readonly SemaphoreSlim _changes = new(1, 1);
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public void Listen()
    {
        File.Delete(path);
        Libc.Require(Libc.ChangeMode((int)_listener.Handle, SocketMode), "fchmod");
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(Backlog);
        _ = AcceptAsync();
    }

    public void Dispose()
    {
        _listener.Dispose();
        File.Delete(path);
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await _listener.AcceptAsync();
            }
            catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
            {
                return;
            }

            _ = ServeAsync(socket);
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        try
        {
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            var reader = new LineReader(stream, SwitchClient.LineBytesMax);
            while (await reader.ReadAsync() is { } line)
            {
                var response = await AnswerAsync(line);
                await stream.WriteAsync(
                    (byte[])[.. JsonSerializer.SerializeToUtf8Bytes(response, SwitchJson.Default.SwitchResponse), (byte)'\n']);
            }
        }
        catch (IOException)
        {
            // The agent went away; it connects again when it needs to.
        }
    }

    private async Task<SwitchResponse> AnswerAsync(ReadOnlyMemory<byte> line)
    {
        try
        {
            var request = JsonSerializer.Deserialize(line.Span, SwitchJson.Default.SwitchRequest);
            return request is null ? Refusal("invalid-request", "An object was expected.") : await AnswerAsync(request);
        }
        catch (JsonException malformed)
        {
            return Refusal("invalid-request", malformed.Message);
        }
        catch (SwitchException refused)
        {
            return Refusal(refused.Code, refused.Message);
        }
        catch (Exception failed) when (failed is IOException or InvalidOperationException or UnauthorizedAccessException)
        {
            SwitchLog.RequestFailed(failed);
            return failed is IOException { HResult: NoSpace }
                ? Refusal("disk-full", "The host's disk is full.")
                : Refusal("failed", "The host's network could not do it.");
        }
    }

    private async Task<SwitchResponse> AnswerAsync(SwitchRequest request)
    {
        switch (request)
        {
            case { Command: SwitchCommand.Hello }:
                var version = typeof(ControlServer)
                    .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
                return new SwitchResponse { Hello = new SwitchHello(SwitchClient.Protocol, version, Environment.ProcessId) };
            case { Command: SwitchCommand.Join, Port: { } port }:
                return await ChangeAsync(port.Id, ports => ports.Join(port));
            case { Command: SwitchCommand.Leave, Id: { } id }:
                return await ChangeAsync(id, ports => ports.Leave(id));
            case { Command: SwitchCommand.Link, Trunk: { } link }:
                await loop.InvokeAsync(ports =>
                {
                    trunk.Link(link);
                    ports.Refresh();
                    return true;
                });
                return new SwitchResponse();
            case { Command: SwitchCommand.Serve, Services: { } told }:
                await ServeAsync(told);
                return new SwitchResponse();
            case { Command: SwitchCommand.List }:
                return new SwitchResponse
                {
                    Ids = await loop.InvokeAsync(
                        ports => ports.Ports.Where(port => !port.IsAway).Select(port => port.Spec.Id).ToList()),
                };
            case { Command: SwitchCommand.Statistics }:
                return new SwitchResponse
                {
                    Statistics = await loop.InvokeAsync(ports => ports.Ports.Select(port => port.ReadStatistics()).ToList()),
                };
            case { Command: SwitchCommand.Quit }:
                await loop.StopAsync();
                return new SwitchResponse();
            default:
                return Refusal("invalid-request", "The command is not known, or lacks what it is about.");
        }
    }

    private async Task<SwitchResponse> ChangeAsync(string id, Action<Ports.PortTable> change)
    {
        await _changes.WaitAsync();
        try
        {
            var kept = await loop.InvokeAsync(ports =>
            {
                change(ports);
                return ports.Find(id)?.Spec;
            });
            if (kept is not null)
            {
                store.Write(kept);
            }
            else
            {
                store.Delete(id);
            }

            return new SwitchResponse();
        }
        finally
        {
            _changes.Release();
        }
    }

    private async Task ServeAsync(IReadOnlyList<SwitchService> told)
    {
        await _changes.WaitAsync();
        try
        {
            await loop.InvokeAsync(ports =>
            {
                ports.Serve(told);
                return true;
            });
            services.Write(told);
        }
        finally
        {
            _changes.Release();
        }
    }

    private static SwitchResponse Refusal(string code, string message) => new() { Error = new SwitchError(code, message) };
}
