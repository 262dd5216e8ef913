using System.Text;
using Cloud.Vmm.Tests.Guests;

namespace Cloud.Vmm.Tests.Contract;

/// <summary>What every driver must do, whatever technique it runs guests by. A driver's suite derives from it.</summary>
public abstract class VmDriverContract : IAsyncLifetime
{
    private readonly TestFolder _folder = new();
    private IVmDriver _driver = null!;

    protected abstract VmEngine Engine { get; }

    protected abstract VmArchitecture Architecture { get; }

    protected abstract IVmDriver CreateDriver(string stateFolder);

    public ValueTask InitializeAsync()
    {
        _driver = CreateDriver(_folder.Make("state"));
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        (_driver as IDisposable)?.Dispose();
        await _folder.DisposeAsync();
    }

    [Fact]
    public async Task Start_OfAGuest_PrintsOnTheConsole()
    {
        var spec = Spec();
        await using var machine = await _driver.StartAsync(spec, CancellationToken.None);
        await ConsoleOf(spec).WaitForAsync(TinyGuest.Hello);
        machine.State.ShouldBe(VmState.Running);
        await machine.KillAsync(CancellationToken.None);
        (await machine.Exited).Kind.ShouldBe(VmExitKind.Killed);
        machine.State.ShouldBe(VmState.Stopped);
    }

    [Fact]
    public async Task Guest_ThatPowersItselfOff_EndsTheMachine()
    {
        var spec = Spec();
        await using var machine = await _driver.StartAsync(spec, CancellationToken.None);
        await ConsoleOf(spec).WaitForAsync(TinyGuest.Hello);
        await using (var console = await machine.OpenConsoleAsync(CancellationToken.None))
        {
            await console.WriteAsync(Encoding.ASCII.GetBytes([TinyGuest.PowerOff]));
            (await machine.Exited.WaitAsync(TimeSpan.FromSeconds(20))).Kind.ShouldBe(VmExitKind.GuestShutdown);
        }
    }

    protected VmSpec Spec(string id = "i-test")
    {
        var folder = _folder.Make(id);
        var kernel = Path.Combine(folder, "kernel");
        File.WriteAllBytes(kernel, TinyGuest.For(Architecture).Kernel);
        return new VmSpec
        {
            Id = id,
            Folder = folder,
            Architecture = Architecture,
            Engine = Engine,
            Vcpus = 1,
            MemoryBytes = 64 << 20,
            Kernel = new VmKernel(kernel, null, "console=ttyS0"),
            Disks = [],
            Uuid = Guid.NewGuid(),
        };
    }

    protected static GrowingFile ConsoleOf(VmSpec spec) => new(Path.Combine(spec.Folder, VmFolder.ConsoleLog));
}
