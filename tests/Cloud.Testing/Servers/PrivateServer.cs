using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Cloud.Testing.Servers;

/// <summary>
/// A real server from Debian's package in a folder and on a port of its own, by its script in infra/. It ends when it is disposed, and also
/// when the test's process is gone, however that ended.
/// </summary>
public abstract class PrivateServer : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(2);

    /// <summary>Starts the command, says its process's number, and ends it as soon as the test's end of the pipe is closed.</summary>
    private const string Keeper =
        """signal=$1; shift; "$@" < /dev/null >&2 & pid=$!; echo $pid; cat > /dev/null; kill -$signal $pid; wait $pid""";

    private readonly string _script;
    private readonly string _endSignal;
    private readonly DirectoryInfo _folder;
    private readonly List<string> _log = [];
    private Process? _keeper;
    private int _pid;

    private protected PrivateServer(string script, string endSignal)
    {
        _script = Path.Combine(RepositoryRoot.Path, "infra", script, "run.sh");
        _endSignal = endSignal;
        _folder = Directory.CreateTempSubdirectory($"cloud-{script}-");
        Port = FreePort();
        Password = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));
        File.WriteAllText(PasswordFile, Password);
        File.SetUnixFileMode(PasswordFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    public int Port { get; }

    protected string Password { get; }

    /// <summary>Where the server has its files.</summary>
    protected string Data => Path.Combine(_folder.FullName, "data");

    private string PasswordFile => Path.Combine(_folder.FullName, "password");

    /// <summary>Starts it, also again after <see cref="KillAsync"/>; returns when it answers.</summary>
    public async Task StartAsync()
    {
        var start = new ProcessStartInfo("bash", ["-c", Keeper, "keeper", _endSignal, _script, Data, $"{Port}", PasswordFile])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in Environment())
        {
            start.Environment[name] = value;
        }

        _keeper = Process.Start(start)!;
        _keeper.ErrorDataReceived += (_, line) => Note(line.Data);
        _keeper.BeginErrorReadLine();
        _pid = int.Parse((await _keeper.StandardOutput.ReadLineAsync())!, CultureInfo.InvariantCulture);
        using var limit = new CancellationTokenSource(StartLimit);
        while (!await AnswersAsync())
        {
            if (_keeper.HasExited || limit.IsCancellationRequested || !Directory.Exists($"/proc/{_pid}"))
            {
                throw new InvalidOperationException($"{_script} did not start:\n{string.Join('\n', Log())}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }
    }

    /// <summary>As a power cut would: kill -9.</summary>
    public async Task KillAsync()
    {
        using (var server = Process.GetProcessById(_pid))
        {
            server.Kill();
        }

        await EndAsync();
    }

    /// <summary>In good order; what it stored stays for the next <see cref="StartAsync"/>.</summary>
    public Task StopAsync() => EndAsync();

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _folder.Delete(recursive: true);
        GC.SuppressFinalize(this);
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    protected abstract Task<bool> AnswersAsync();

    protected virtual IEnumerable<KeyValuePair<string, string>> Environment() => [];

    private async Task EndAsync()
    {
        if (_keeper is { } keeper)
        {
            _keeper = null;
            keeper.StandardInput.Close();
            await keeper.WaitForExitAsync();
            keeper.Dispose();
        }
    }

    private void Note(string? line)
    {
        if (line is not null)
        {
            lock (_log)
            {
                _log.Add(line);
            }
        }
    }

    private string[] Log()
    {
        lock (_log)
        {
            return [.. _log.TakeLast(50)];
        }
    }
}
