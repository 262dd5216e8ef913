using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Cloud.Switch.Client;

namespace Cloud.Switch.Tests.EndToEnd;

/// <summary>A switch of the tests' own, as the host agent runs it as root, in a temporary folder; and what is outside of it.</summary>
public sealed class SwitchUnderTest : IAsyncLifetime
{
    /// <summary>As HostOptions has it: the one after the guests'.</summary>
    private const uint UserId = 1_000_100_000;
    private static int networks;

    private readonly int _number = Interlocked.Increment(ref networks);
    private readonly List<IAsyncDisposable> _made = [];
    private Process? _process;

    /// <summary>Names of links and namespaces of this instance, of other processes' too.</summary>
    internal string Tag => $"{Environment.ProcessId % 100000}{(char)('a' + _number)}";

    internal string Folder { get; } = Directory.CreateTempSubdirectory("cloud-switch-").FullName;

    internal SwitchFolder SwitchFolder => new(Path.Combine(Folder, "switch"));

    internal SwitchClient Client { get; private set; } = null!;

    /// <summary>A machine that is not this host, which reaches it by a link of its own.</summary>
    internal OutsideMachine Outside { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        // Temporary folders are private; the switch's user passes through this one.
        File.SetUnixFileMode(Folder, File.GetUnixFileMode(Folder) | UnixFileMode.OtherExecute);
        Directory.CreateDirectory(SwitchFolder.Path);
        Outside = await OutsideMachine.CreateAsync(Tag, _number);
        await StartAsync();
    }

    internal async Task StartAsync()
    {
        var program = Path.Combine(AppContext.BaseDirectory, "cloud-switch");
        _process = Process.Start(new ProcessStartInfo(program, [SwitchFolder.Path, UserId.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardOutput = true,
        })!;
        (await _process.StandardOutput.ReadLineAsync()).ShouldBe("ready");
        Client = (await SwitchClient.TryConnectAsync(SwitchFolder.ControlSocket, CancellationToken.None)).ShouldNotBeNull();
    }

    /// <summary>As kill -9 does it.</summary>
    internal async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
        await Client.Closed;
        Client.Dispose();
    }

    /// <summary>A port for a guest, not joined yet. Two of one number have one address.</summary>
    internal SwitchPort NewPort(string project, int number, params PublishedPort[] published)
    {
        var id = $"i-{project}-{number}";
        return new SwitchPort
        {
            Id = id,
            Project = project,
            HostName = $"guest{number}",
            MacAddress = $"52:54:0a:50:00:{16 + number:x2}",
            Address = $"10.80.0.{16 + number}",
            GuestSocket = SwitchFolder.GuestSocket(id),
            Published = published,
            Metadata = new PortMetadata { AuthorizedKeys = [], MetaData = "", NetworkConfig = "" },
        };
    }

    /// <summary>A guest with the kernel's network stack, its address not set yet.</summary>
    internal async Task<NamespaceGuest> BootAsync(SwitchPort port)
    {
        await Client.JoinAsync(port, CancellationToken.None);
        var guest = await NamespaceGuest.CreateAsync(this, port);
        _made.Add(guest);
        return guest;
    }

    /// <summary>A guest with its address set.</summary>
    internal async Task<NamespaceGuest> BootWithAddressAsync(SwitchPort port)
    {
        var guest = await BootAsync(port);
        await guest.SetAddressAsync();
        return guest;
    }

    /// <summary>A guest that says on its port what a test wants.</summary>
    internal async Task<RawGuest> PlugAsync(SwitchPort port)
    {
        await Client.JoinAsync(port, CancellationToken.None);
        return new RawGuest(SwitchFolder, port);
    }

    internal async Task<PortStatistics> ReadStatisticsAsync(SwitchPort port) =>
        (await Client.ReadStatisticsAsync(CancellationToken.None)).Single(one => one.Id == port.Id);

    /// <summary>A port of the host's loopback that nothing listens on.</summary>
    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var made in _made)
        {
            await made.DisposeAsync();
        }

        if (!_process!.HasExited)
        {
            await KillAsync();
        }

        _process.Dispose();
        await Outside.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }
}
