using Cloud.Vmm.Tests.Guests;

namespace Cloud.Vmm.Tests.Contract;

public abstract partial class VmDriverContract
{
    [Fact]
    public async Task Adopt_WhereNothingRuns_IsNull()
    {
        (await Driver.AdoptAsync(_folder.Make("empty"), CancellationToken.None)).ShouldBeNull();
        (await Driver.AdoptAsync(Path.Combine(_folder.Path, "not-there"), CancellationToken.None)).ShouldBeNull();
    }

    [Fact]
    public async Task Adopt_OfAGuest_TakesItOverAsItRuns()
    {
        var spec = Spec();
        var process = await StartAndForgetAsync(spec);
        await using var adopted = await AdoptAsync(spec);
        adopted.Id.ShouldBe(spec.Id);
        adopted.ProcessId.ShouldBe(process);
        adopted.State.ShouldBe(VmState.Running);
        await using (var console = await TestTerminal.OpenAsync(adopted))
        {
            await console.ExchangeAsync('a');
        }

        await ConsoleOf(spec).WaitForAsync(TinyGuest.Hello + "a");
        await adopted.KillAsync(CancellationToken.None);
        (await adopted.Exited).Kind.ShouldBe(VmExitKind.Killed);
        _folder.Processes().ShouldBeEmpty();
    }

    [Fact]
    public async Task Adopt_OfAPausedGuest_FindsItPaused()
    {
        var spec = Spec();
        await using (var machine = await StartAsync(spec))
        {
            await machine.PauseAsync(CancellationToken.None);
        }

        await using var adopted = await AdoptAsync(spec);
        adopted.State.ShouldBe(VmState.Paused);
        await adopted.ResumeAsync(CancellationToken.None);
        await using var console = await TestTerminal.OpenAsync(adopted);
        await console.ExchangeAsync('a');
    }

    [Fact]
    public async Task Adopt_OfAGuestThatThenPowersOff_SeesItsShutdown()
    {
        var spec = Spec();
        await StartAndForgetAsync(spec);
        await using var adopted = await AdoptAsync(spec);
        await using var console = await TestTerminal.OpenAsync(adopted);
        await console.TypeAsync(TinyGuest.PowerOff);
        (await adopted.Exited.WaitAsync(Limit)).Kind.ShouldBe(VmExitKind.GuestShutdown);
    }

    [Fact]
    public async Task Adopt_AfterAnEnd_IsNull()
    {
        var spec = Spec();
        await using (var machine = await StartAsync(spec))
        {
            await machine.KillAsync(CancellationToken.None);
        }

        (await Driver.AdoptAsync(spec.Folder, CancellationToken.None)).ShouldBeNull();
    }

    [Fact]
    public async Task Agent_ThatIsKilled_TakesNoGuestWithIt()
    {
        var spec = Spec();
        using var agent = await AgentProcess.StartAsync(spec);
        await ConsoleOf(spec).WaitForAsync(TinyGuest.Hello);
        await agent.KillAsync();
        await using var adopted = await AdoptAsync(spec);
        adopted.ProcessId.ShouldBe(agent.MachineProcessId);
        await using var console = await TestTerminal.OpenAsync(adopted);
        await console.ExchangeAsync('a');
        await ConsoleOf(spec).WaitForAsync(TinyGuest.Hello + "a");
        await console.TypeAsync(TinyGuest.PowerOff);
        (await adopted.Exited.WaitAsync(Limit)).Kind.ShouldBe(VmExitKind.GuestShutdown);
    }

    /// <summary>As an agent that ends leaves it.</summary>
    protected async Task<int> StartAndForgetAsync(VmSpec spec)
    {
        await using var machine = await StartAsync(spec);
        return machine.ProcessId;
    }

    /// <summary>By a driver of its own, as after a restart.</summary>
    protected async Task<IVirtualMachine> AdoptAsync(VmSpec spec)
    {
        (Driver as IDisposable)?.Dispose();
        Driver = CreateDriver(_folder.Make("state"));
        return (await Driver.AdoptAsync(spec.Folder, CancellationToken.None)).ShouldNotBeNull();
    }
}
