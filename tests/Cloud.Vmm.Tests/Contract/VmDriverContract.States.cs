using Cloud.Vmm.Tests.Guests;

namespace Cloud.Vmm.Tests.Contract;

/// <summary>What a machine is, kept and gone on from. The small guest counts in its memory.</summary>
public abstract partial class VmDriverContract
{
    private static readonly Dictionary<string, VmDiskLayer> NoOverlays = [];

    /// <summary>Whether the engine can keep what a machine is.</summary>
    protected virtual bool KeepsStates => true;

    [Fact]
    public async Task Save_OfARunningGuest_GoesOn_AndAnotherGoesOnFromThere()
    {
        var spec = Spec();
        await using var machine = await StartAsync(spec);
        if (!KeepsStates)
        {
            await AssertStatesAreRefusedAsync(machine, spec);
            return;
        }

        await using var console = await TestTerminal.OpenAsync(machine);
        await console.CountsToAsync(1);
        var state = await machine.SaveAsync(Path.Combine(spec.Folder, "state"), NoOverlays, goOn: true, CancellationToken.None);
        machine.State.ShouldBe(VmState.Running);
        await console.CountsToAsync(2);
        await console.CountsToAsync(3);

        for (var i = 0; i < 2; i++)
        {
            await using var other = await Driver.StartAsync(Spec() with { From = state }, CancellationToken.None);
            other.State.ShouldBe(VmState.Running);
            await using var otherConsole = await TestTerminal.OpenAsync(other);
            await otherConsole.CountsToAsync(2);
            await other.KillAsync(CancellationToken.None);
        }

        await console.CountsToAsync(4);
    }

    [Fact]
    public async Task Save_ThatDoesNotGoOn_HoldsTheGuest_WhichGoesOnFromThere()
    {
        if (!KeepsStates)
        {
            return;
        }

        var spec = Spec();
        VmSavedState state;
        await using (var machine = await StartAsync(spec))
        {
            await using var console = await TestTerminal.OpenAsync(machine);
            await console.CountsToAsync(1);
            state = await machine.SaveAsync(Path.Combine(spec.Folder, "state"), NoOverlays, goOn: false, CancellationToken.None);
            machine.State.ShouldBe(VmState.Paused);
            await machine.KillAsync(CancellationToken.None);
        }

        await using var again = await Driver.StartAsync(spec with { From = state }, CancellationToken.None);
        await using (var console = await TestTerminal.OpenAsync(again))
        {
            await console.CountsToAsync(2);
        }

        // And once more, of a machine that came from a state itself.
        var second = await again.SaveAsync(Path.Combine(spec.Folder, "second"), NoOverlays, goOn: false, CancellationToken.None);
        await again.ResumeAsync(CancellationToken.None);
        await using (var console = await TestTerminal.OpenAsync(again))
        {
            await console.CountsToAsync(3);
        }

        await using var third = await Driver.StartAsync(Spec() with { From = second }, CancellationToken.None);
        await using var thirdConsole = await TestTerminal.OpenAsync(third);
        await thirdConsole.CountsToAsync(3);
    }

    [Fact]
    public async Task Save_ThatItsAgentDidNotEnd_LetsTheGuestGoOn()
    {
        if (!KeepsStates)
        {
            return;
        }

        var spec = Spec();
        await using (var machine = await StartAsync(spec))
        {
            await using var console = await TestTerminal.OpenAsync(machine);
            await console.CountsToAsync(1);
            await machine.SaveAsync(Path.Combine(spec.Folder, "state"), NoOverlays, goOn: false, CancellationToken.None);
        }

        await using var adopted = await AdoptAsync(spec);
        adopted.State.ShouldBe(VmState.Running);
        await using var again = await TestTerminal.OpenAsync(adopted);
        await again.CountsToAsync(2);
    }

    [Fact]
    public async Task Template_OfAState_StartsSeveral_EachWithMemoryOfItsOwn()
    {
        if (!KeepsStates)
        {
            return;
        }

        var spec = Spec();
        await using var machine = await StartAsync(spec);
        await using var console = await TestTerminal.OpenAsync(machine);
        await console.CountsToAsync(1);
        var state = await machine.SaveAsync(Path.Combine(spec.Folder, "state"), NoOverlays, goOn: true, CancellationToken.None);
        await console.CountsToAsync(2);
        var machines = new List<IVirtualMachine>();
        VmSavedState ofAChild;
        using (var template = await Driver.MakeTemplateAsync(Spec() with { From = state }, CancellationToken.None))
        {
            for (var i = 0; i < 3; i++)
            {
                machines.Add(await Driver.StartAsync(Spec() with { Template = template }, CancellationToken.None));
            }
        }

        for (var round = 2; round <= 3; round++)
        {
            foreach (var one in machines)
            {
                await using var terminal = await TestTerminal.OpenAsync(one);
                await terminal.CountsToAsync(round);
            }
        }

        ofAChild = await machines[0].SaveAsync(Path.Combine(spec.Folder, "child"), NoOverlays, goOn: true, CancellationToken.None);
        await using (var grandchild = await Driver.StartAsync(Spec() with { From = ofAChild }, CancellationToken.None))
        {
            await using var terminal = await TestTerminal.OpenAsync(grandchild);
            await terminal.CountsToAsync(4);
            await grandchild.KillAsync(CancellationToken.None);
        }

        await console.CountsToAsync(3);
        foreach (var one in machines)
        {
            await one.KillAsync(CancellationToken.None);
            await one.DisposeAsync();
        }
    }

    [Fact]
    public async Task Start_FromWhatIsNoState_IsRefusedAndLeavesNothing()
    {
        var spec = Spec();
        var path = Path.Combine(spec.Folder, "state");
        await File.WriteAllTextAsync(path, "This is no state.");
        await Should.ThrowAsync<VmException>(() => Driver.StartAsync(
            spec with { From = new VmSavedState(path, new Dictionary<string, string>()) }, CancellationToken.None));
        _folder.Processes().ShouldBeEmpty();
    }

    [Fact]
    public async Task Exits_OfAGuest_AreCounted_WhereTheEngineDoes()
    {
        await using var machine = await StartAsync(Spec());
        if (Engine == VmEngine.Container)
        {
            await Should.ThrowAsync<VmException>(() => machine.ReadExitsAsync(CancellationToken.None));
            return;
        }

        var exits = await machine.ReadExitsAsync(CancellationToken.None);
        if (Engine == VmEngine.Simulation)
        {
            exits.Counter.ShouldBe("simulator");
            exits.Reasons["instruction"].ShouldBeGreaterThan(0);
            exits.Reasons["device write"].ShouldBeGreaterThanOrEqualTo(TinyGuest.Hello.Length);
            return;
        }

        exits.Counter.ShouldBe("tcg");
        exits.Reasons["tb count"].ShouldBeGreaterThan(0);
        exits.Reasons.Keys.ShouldContain("tlb full flushes");
    }

    [Fact]
    public async Task Harts_OfAGuest_AreShown_WhereTheEngineDoes()
    {
        await using var machine = await StartAsync(Spec());
        if (Engine != VmEngine.Simulation)
        {
            await Should.ThrowAsync<VmException>(() => machine.ReadHartsAsync(null, CancellationToken.None));
            return;
        }

        var hart = (await machine.ReadHartsAsync(0x80200000, CancellationToken.None)).ShouldHaveSingleItem();
        hart.Mode.ShouldBe("supervisor");
        hart.Pc.ShouldStartWith("0x802000");
        hart.Instruction.ShouldNotBeNullOrEmpty();
        hart.Registers.Count.ShouldBe(64);
        hart.Csrs.Keys.ShouldContain("satp");
        hart.Walk.ShouldNotBeNull().Physical.ShouldBe("0x80200000");
        machine.State.ShouldBe(VmState.Running);
    }

    private static async Task AssertStatesAreRefusedAsync(IVirtualMachine machine, VmSpec spec)
    {
        var path = Path.Combine(spec.Folder, "state");
        (await Should.ThrowAsync<VmException>(() => machine.SaveAsync(path, NoOverlays, goOn: true, CancellationToken.None)))
            .Message.ShouldContain("cannot be kept");
        File.Exists(path).ShouldBeFalse();
        machine.State.ShouldBe(VmState.Running);
    }
}
