using Cloud.Vmm.Tests.Guests;

namespace Cloud.Vmm.Tests.Contract;

public abstract partial class VmDriverContract
{
    [Fact]
    public async Task Console_OfAGuest_TakesSeveralTerminals()
    {
        await using var machine = await StartAsync(Spec());
        await using var first = await TestTerminal.OpenAsync(machine);
        await using var second = await TestTerminal.OpenAsync(machine);
        await first.TypeAsync('a');
        (await first.HearsWithinAsync('a', Limit)).ShouldBeTrue();
        (await second.HearsWithinAsync('a', Limit)).ShouldBeTrue();
    }

    [Fact]
    public async Task Console_WithATerminalThatNeverReads_HoldsUpNobody()
    {
        var spec = Spec();
        await using var machine = await StartAsync(spec);
        await using var deaf = await machine.OpenConsoleAsync(CancellationToken.None);
        await using var typing = await TestTerminal.OpenAsync(machine);
        await typing.TypeAsync(TinyGuest.Flood);

        // Far more than the sockets on the way take: of single bytes a few hundred.
        await ConsoleOf(spec).WaitForLengthAsync(100_000);
    }

    [Fact]
    public async Task Console_AfterATerminalHasGone_TakesTheNext()
    {
        await using var machine = await StartAsync(Spec());
        for (var i = 0; i < 3; i++)
        {
            await using var terminal = await TestTerminal.OpenAsync(machine);
            await terminal.ExchangeAsync('a');
        }
    }

    [Fact]
    public async Task Console_OfAMachineThatEnds_Ends()
    {
        await using var machine = await StartAsync(Spec());
        await using var console = await machine.OpenConsoleAsync(CancellationToken.None);
        await machine.KillAsync(CancellationToken.None);
        (await console.ReadAsync(new byte[16]).AsTask().WaitAsync(Limit)).ShouldBe(0);
    }

    [Fact]
    public async Task ConsoleLog_OfAGuest_HasWhatATerminalSaw()
    {
        var spec = Spec();
        await using var machine = await StartAsync(spec);
        await using var console = await TestTerminal.OpenAsync(machine);
        await console.ExchangeAsync('z');
        await ConsoleOf(spec).WaitForAsync(TinyGuest.Hello + "z");
    }
}
