using System.Globalization;

namespace Cloud.Tidy.Tests.Scripts;

/// <summary>The supervisor itself, over two small units: it brings back what dies, and is missed by nobody when it dies.</summary>
public sealed class SupervisorTests : IDisposable
{
    // One unit holds a port, as servers do; the other starts once that is open. It has a process of its own that must not outlive it.
    private const string Units = """
        programs=$CLOUD_DATA/programs/current
        all_units=(first second)
        declare -a units
        declare -A unit_port unit_after
        declare -rA stop_signal=()
        load_ports() { :; }
        profile_units() { units=(second first); unit_port[first]=$TEST_PORT; unit_after[second]=first; }
        any_unit_runs() { unit_pid first || unit_pid second; }
        run_unit() {
          case $1 in
            first) exec setsid python3 -c "import socket, time
        s = socket.socket(); s.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('127.0.0.1', $TEST_PORT)); s.listen(); time.sleep(600)" ;;
            second) export CLOUD_UNIT=$CLOUD_DATA:second; exec setsid bash -c 'setsid sleep 600 & while :; do wait; sleep 600 & done' ;;
          esac
        }
        """;

    private readonly Sandbox _sandbox = new();
    private readonly string _infra;

    public SupervisorTests()
    {
        _infra = Directory.CreateDirectory(Path.Combine(_sandbox.Folder, "infra")).FullName;
        foreach (var script in new[] { "lib.sh", "processes.sh", "supervise.sh" })
        {
            File.Copy(Repository.PathOf($"infra/{script}"), Path.Combine(_infra, script));
        }

        File.WriteAllText(Path.Combine(_infra, "units.sh"), Units);
        Directory.CreateDirectory(Path.Combine(_sandbox.Data, "run"));
        Directory.CreateDirectory(Path.Combine(_sandbox.Data, "log"));
        _sandbox.Environment["TEST_PORT"] = FreePort();
    }

    public void Dispose()
    {
        foreach (var name in new[] { "supervisor", "first", "second" })
        {
            _sandbox.RunAsync(
                "bash", "-c", $". {_infra}/lib.sh; . {_infra}/processes.sh; stop_unit {name} KILL 5").GetAwaiter().GetResult();
        }

        _sandbox.Dispose();
    }

    [Fact]
    public async Task Unit_ThatIsKilled_IsStartedAgain_AndWhatItLeftIsEnded()
    {
        Supervise();
        var second = await RunningAsync("second");
        var helper = await HelperOfAsync(second);

        Kill(second);

        (await RunningAsync("second", but: second)).ShouldNotBe(second);
        await UntilAsync(() => !IsAlive(helper));
    }

    [Fact]
    public async Task Unit_StartsOnceWhatItNeedsListens()
    {
        Supervise();
        await RunningAsync("second");

        var starts = (await File.ReadAllLinesAsync(Log, TestContext.Current.CancellationToken)).Where(
            line => line.Contains(" starts (", StringComparison.Ordinal)).ToList();
        starts[0].ShouldContain(" first starts ");
        starts[1].ShouldContain(" second starts ");
    }

    [Fact]
    public async Task Supervisor_ThatIsKilled_StopsNoUnit_AndTheNextKeepsThem()
    {
        Supervise();
        var (first, second) = (await RunningAsync("first"), await RunningAsync("second"));
        var supervisor = await RunningAsync("supervisor");

        Kill(supervisor);
        Supervise();

        await RunningAsync("supervisor", but: supervisor);
        (await RunningAsync("first")).ShouldBe(first);
        Kill(second);
        await RunningAsync("second", but: second);
        (await RunningAsync("first")).ShouldBe(first);
    }

    [Fact]
    public async Task Supervisor_ThatIsStartedTwice_RunsOnce()
    {
        Supervise();
        var supervisor = await RunningAsync("supervisor");

        var (status, _) = await _sandbox.RunAsync(Path.Combine(_infra, "supervise.sh"), "any");

        status.ShouldBe(0);
        (await RunningAsync("supervisor")).ShouldBe(supervisor);
    }

    [Fact]
    public async Task Supervisor_ThatIsToldToEnd_LeavesItsUnits()
    {
        Supervise();
        var second = await RunningAsync("second");
        var supervisor = await RunningAsync("supervisor");

        await _sandbox.RunAsync("kill", supervisor.ToString(CultureInfo.InvariantCulture));

        await UntilAsync(() => !IsAlive(supervisor));
        IsAlive(second).ShouldBeTrue();
    }

    private string Log => Path.Combine(_sandbox.Data, "log", "supervisor.log");

    // Its words go to its log, as up.sh has it.
    private void Supervise() => _sandbox.RunOn("bash", "-c", $"exec setsid {_infra}/supervise.sh any >> {Log} 2>&1");

    private async Task<int> RunningAsync(string unit, int but = 0)
    {
        var pid = 0;
        await UntilAsync(() => (pid = PidOf(unit)) != 0 && pid != but && IsAlive(pid));
        return pid;
    }

    private int PidOf(string unit)
    {
        var file = Path.Combine(_sandbox.Data, "run", $"{unit}.pid");
        return File.Exists(file) && int.TryParse(File.ReadAllText(file).Split(' ')[0], CultureInfo.InvariantCulture, out var pid) ? pid : 0;
    }

    private static async Task<int> HelperOfAsync(int unit)
    {
        var helper = 0;
        await UntilAsync(() => int.TryParse(
            File.ReadAllText($"/proc/{unit}/task/{unit}/children").Split(
                ' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault(), CultureInfo.InvariantCulture, out helper));
        return helper;
    }

    private static void Kill(int pid)
    {
        using var process = System.Diagnostics.Process.GetProcessById(pid);
        process.Kill();
    }

    private static bool IsAlive(int pid)
    {
        var status = $"/proc/{pid}/status";
        try
        {
            return File.ReadLines(status).Any(
                line => line.StartsWith("State:", StringComparison.Ordinal) && !line.Contains('Z', StringComparison.Ordinal));
        }
        catch (IOException)
        {
            return false;
        }
    }

    // The limit only ends a test that would hang.
    private static async Task UntilAsync(Func<bool> holds)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (!holds())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), limit.Token);
        }
    }

    private static string FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
    }
}
