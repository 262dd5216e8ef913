using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;
using Cloud.Compute.Host.Disks;
using Cloud.Primitives;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Volumes;

/// <summary>
/// A qemu-nbd that has a disk's files open, for one session. QEMU locks them: what is read stands still, what is written is nobody else's.
/// Every file is named here; what a file's header names is never opened.
/// </summary>
internal sealed class BlockServer : IDisposable
{
    private const string FolderPrefix = "cloud-nbd-";
    private const string Busy = "volume-busy";

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(2);

    /// <summary>A reader whose client has gone, or has its answer, takes a moment to let go.</summary>
    private static readonly TimeSpan BusyLimit = TimeSpan.FromSeconds(2);

    private readonly Process _process;
    private readonly string _folder;
    private int _disposed;

    private BlockServer(Process process, string folder) => (_process, _folder) = (process, folder);

    public NbdConnection Disk { get; private set; } = null!;

    /// <param name="layers">The disk's files: the one that is written first, then what that lies over.</param>
    /// <exception cref="CloudException">The files are in use, or cannot be opened.</exception>
    public static async Task<BlockServer> StartAsync(
        IReadOnlyList<VmDiskLayer> layers, bool readOnly, TimeProvider time, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            try
            {
                return await TryStartAsync(layers, readOnly, time, ct);
            }
            catch (CloudException refusal) when (refusal.Code == Busy && time.GetElapsedTime(began) < BusyLimit)
            {
                await Task.Delay(20 * Look, time, ct);
            }
        }
    }

    /// <summary>
    /// Ends what an agent that was killed left: a server ends with its client, but one that nobody came to waits for ever, and holds its
    /// files. Called before the agent has started any.
    /// </summary>
    /// <param name="folder">The host's: a server that has none of its files open is another's.</param>
    public static void EndLeftovers(string folder)
    {
        var files = Path.GetFullPath(folder) + Path.DirectorySeparatorChar;
        foreach (var process in Process.GetProcessesByName("qemu-nbd"))
        {
            using (process)
            {
                try
                {
                    var line = File.ReadAllText($"/proc/{process.Id}/cmdline");
                    if (line.Contains($"/{FolderPrefix}", StringComparison.Ordinal) && line.Contains(files, StringComparison.Ordinal))
                    {
                        process.Kill();
                    }
                }
                catch (Exception gone)
                    when (gone is IOException or UnauthorizedAccessException or InvalidOperationException or Win32Exception)
                {
                    // It has ended meanwhile, or is another user's.
                }
            }
        }
    }

    /// <summary>A stream that an answer is made of is disposed twice.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        Disk?.Dispose();
        if (!_process.WaitForExit(EndLimit))
        {
            _process.Kill();
        }

        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<BlockServer> TryStartAsync(
        IReadOnlyList<VmDiskLayer> layers, bool readOnly, TimeProvider time, CancellationToken ct)
    {
        foreach (var layer in layers)
        {
            // Refuses a file whose data lies elsewhere.
            DiskFile.VirtualBytes(layer.Path, layer.Format == VmDiskFormat.Qcow2 ? DiskFile.Qcow2 : "raw");
        }

        var folder = Directory.CreateTempSubdirectory(FolderPrefix).FullName;
        var socket = Path.Combine(folder, "s");
        string[] mode = readOnly ? ["--read-only"] : ["--discard=unmap", "--detect-zeroes=unmap"];
        var secrets = new DiskSecrets(layers);
        var chain = DiskChain.Of(layers, readOnly).ToJsonString();
        var process = Process.Start(new ProcessStartInfo(
            "qemu-nbd", [.. mode, "--allocation-depth", $"--socket={socket}", .. secrets.Arguments, $"json:{chain}"])
        {
            RedirectStandardError = true,
            RedirectStandardInput = true,
        }) ?? throw new InvalidOperationException("qemu-nbd was not started.");
        DiskSecrets.Give(secrets, process);
        var server = new BlockServer(process, folder);
        try
        {
            server.Disk = await NbdConnection.OpenAsync(await server.ConnectAsync(socket, time, ct), ct);
            return server;
        }
        catch (IOException failed) when (process.WaitForExit(EndLimit))
        {
            // It listens before it opens the files.
            var refusal = await server.RefusalAsync(failed, ct);
            server.Dispose();
            throw refusal;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    private async Task<Socket> ConnectAsync(string path, TimeProvider time, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), ct);
                return socket;
            }
            catch (SocketException) when (!_process.HasExited && time.GetElapsedTime(began) < StartLimit)
            {
                socket.Dispose();
                await Task.Delay(Look, time, ct);
            }
            catch (SocketException failed)
            {
                socket.Dispose();
                throw await RefusalAsync(failed, ct);
            }
        }
    }

    /// <summary>Why it has ended, or does not answer.</summary>
    private async Task<CloudException> RefusalAsync(Exception failed, CancellationToken ct)
    {
        var said = _process.HasExited ? (await _process.StandardError.ReadToEndAsync(ct)).Trim() : "no answer";
        return said.Contains("lock", StringComparison.Ordinal)
            ? new CloudException(
                ErrorKind.Conflict, Busy, "The volume is being read, written or attached.", new IOException(said))
            : new CloudException(
                ErrorKind.Unavailable, "disk-failed", "A disk could not be opened on this host.", new IOException(said, failed));
    }
}
