using System.Diagnostics;
using System.Security.Cryptography;
using Cloud.Vmm.Oci;
using Microsoft.Extensions.Logging.Abstractions;

namespace Cloud.Vmm.Tests.Oci;

/// <summary>Commands in a running container that are fed by a stream and read as one.</summary>
public sealed class ContainerCommandTests : IAsyncLifetime
{
    private const int LargeBytes = 48 << 20;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly TestFolder _folder = new();
    private OciDriver _driver = null!;
    private IVirtualMachine _machine = null!;

    public async ValueTask InitializeAsync()
    {
        _driver = new OciDriver(
            new OciOptions { StateFolder = _folder.Make("state") }, TimeProvider.System, NullLoggerFactory.Instance);
        var layer = _folder.Make("layer");
        ContainerGuest.MakeLayer(layer);
        _machine = await _driver.StartAsync(
            ContainerGuest.Spec(_folder, ContainerGuest.Container(layer)), CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _machine.KillAsync(CancellationToken.None);
        await _machine.DisposeAsync();
        _driver.Dispose();
        await _folder.DisposeAsync();
    }

    [Fact]
    public async Task Run_OfMoreThanAnyBufferHolds_GivesItBackWhole()
    {
        var sent = RandomNumberGenerator.GetBytes(LargeBytes);
        byte[]? received = null;
        var end = await _machine.Agent.RunAsync(
            new GuestCommand(["cat"]), new MemoryStream(sent),
            async (output, ct) => received = await SHA256.HashDataAsync(output, ct), CancellationToken.None).WaitAsync(Limit);
        end.ExitCode.ShouldBe(0);
        received.ShouldBe(SHA256.HashData(sent));
    }

    [Fact]
    public async Task Run_WhoseOutputNobodyReadsYet_HoldsItsInputBack()
    {
        using var go = new SemaphoreSlim(0);
        using var input = new MemoryStream(new byte[LargeBytes]);
        var running = _machine.Agent.RunAsync(
            new GuestCommand(["cat"]), input,
            async (output, ct) =>
            {
                await go.WaitAsync(ct);
                await output.CopyToAsync(Stream.Null, ct);
            },
            CancellationToken.None);
        await Task.Delay(TimeSpan.FromMilliseconds(500));
        input.Position.ShouldBeInRange(1, 4 << 20);
        go.Release();
        (await running.WaitAsync(Limit)).ExitCode.ShouldBe(0);
    }

    [Fact]
    public async Task Run_AnswersExitCodeAndTheTailOfItsErrors_AsTheUserAskedFor()
    {
        const string Script = "id -u; id -g; head -c 20000 /dev/zero | tr '\\0' x >&2; echo last >&2; exit 7";
        var said = "";
        var end = await _machine.Agent.RunAsync(
            new GuestCommand(["sh", "-c", Script], new GuestUser(70, 71)), null,
            async (output, ct) => said = await new StreamReader(output).ReadToEndAsync(ct), CancellationToken.None).WaitAsync(Limit);
        end.ExitCode.ShouldBe(7);
        said.ShouldBe("70\n71\n");
        end.ErrorTail.Length.ShouldBe(8 << 10);
        end.ErrorTail.ShouldEndWith("xlast\n");
        (await Should.ThrowAsync<VmException>(() => _machine.Agent.RunAsync(
            new GuestCommand(["/not-there"]), null, null, CancellationToken.None))).Message.ShouldContain("/not-there");
    }

    [Fact]
    public async Task Run_ThatEndsBeforeItsInputDoes_EndsTheCall()
    {
        using var never = new NeverEnding();
        var end = await _machine.Agent.RunAsync(
            new GuestCommand(["head", "-c", "3"]), never, null, CancellationToken.None).WaitAsync(Limit);
        end.ExitCode.ShouldBe(0);
    }

    [Fact]
    public async Task Run_ThatIsCancelled_OrWhoseStreamsFail_LeavesNoProcess()
    {
        using var cancelled = new CancellationTokenSource(TimeSpan.FromMilliseconds(500));
        await Should.ThrowAsync<OperationCanceledException>(() => _machine.Agent.RunAsync(
            Tagged("1001"), null, null, cancelled.Token).WaitAsync(Limit));
        await NoneIsLeftAsync();

        await Should.ThrowAsync<InvalidDataException>(() => _machine.Agent.RunAsync(
            Tagged("1002"), null, async (output, ct) =>
            {
                await output.ReadExactlyAsync(new byte[3], ct);
                while (Tagged().Count == 0)
                {
                    await Task.Delay(20, ct);
                }

                throw new InvalidDataException();
            },
            CancellationToken.None).WaitAsync(Limit));
        await NoneIsLeftAsync();

        await Should.ThrowAsync<InvalidDataException>(() => _machine.Agent.RunAsync(
            Tagged("1003"), new Failing(), null, CancellationToken.None).WaitAsync(Limit));
        await NoneIsLeftAsync();
    }

    [Fact]
    public async Task Run_CostsLittle()
    {
        var watch = Stopwatch.StartNew();
        const int Times = 10;
        for (var time = 0; time < Times; time++)
        {
            await _machine.Agent.RunAsync(new GuestCommand(["test", "1"]), null, null, CancellationToken.None);
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"{watch.ElapsedMilliseconds / Times} ms a command");
        watch.Elapsed.ShouldBeLessThan(Times * TimeSpan.FromSeconds(1));
    }

    /// <summary>A shell and a program below it, which both can be told from all others.</summary>
    private static GuestCommand Tagged(string user) =>
        new(["sh", "-c", $"echo up; sleep 86{user}; echo"], new GuestUser(uint.Parse(user, null), 1));

    /// <summary>One that was killed may still be on its way out.</summary>
    private static async Task NoneIsLeftAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        while (Tagged().Count > 0)
        {
            await Task.Delay(20, limit.Token);
        }
    }

    private static List<string> Tagged() => Process.GetProcesses().Select(process =>
    {
        try
        {
            return File.ReadAllText($"/proc/{process.Id}/cmdline");
        }
        catch (IOException)
        {
            return "";
        }
    }).Where(command => command.StartsWith("sleep\0861", StringComparison.Ordinal)).ToList();

    private sealed class NeverEnding : MemoryStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(10, cancellationToken);
            return buffer.Length;
        }
    }

    private sealed class Failing : MemoryStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(500, cancellationToken);
            throw new InvalidDataException();
        }
    }
}
