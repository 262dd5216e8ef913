using System.Net;
using Cloud.Switch.Client;

namespace Cloud.Switch.Tests.EndToEnd;

/// <summary>The switch dies; its guests do not.</summary>
public sealed class RecoveryTests(SwitchUnderTest under) : IClassFixture<SwitchUnderTest>
{
    [Fact]
    public async Task Switch_KilledAndStartedAgain_HasItsNetworksAndPorts()
    {
        var host = SwitchUnderTest.FreePort();
        var port = under.NewPort("again", 1, new PublishedPort(7000, host));
        port = port with { Metadata = port.Metadata with { UserData = "kept" } };
        var guest = await under.BootWithAddressAsync(port);
        var sibling = await under.BootWithAddressAsync(under.NewPort("again", 2));
        using var onGuest = await guest.GreetAsync(7000, "from guest");
        using var onSibling = await sibling.GreetAsync(7000, "from sibling");
        (await PublishedPortTests.ReadAllAsync(host)).ShouldBe("from guest");

        await under.KillAsync();
        await under.StartAsync();

        (await PublishedPortTests.ReadAllAsync(host)).ShouldBe("from guest");
        (await guest.ReadAllAsync(IPAddress.Parse("10.80.0.18"), 7000)).ShouldBe("from sibling");
        using var http = guest.Http();
        (await http.GetStringAsync("http://169.254.169.254/user-data")).ShouldBe("kept");
        using var outside = await under.Outside.GreetAsync("from outside");
        (await guest.ReadAllAsync(under.Outside.Address, outside.Port)).ShouldBe("from outside");
    }

    [Fact]
    public async Task Switch_ToldToQuit_EndsAndItsGuestsFindTheNext()
    {
        var host = SwitchUnderTest.FreePort();
        var guest = await under.BootWithAddressAsync(under.NewPort("quit", 1, new PublishedPort(7000, host)));
        using var greeter = await guest.GreetAsync(7000, "from guest");

        await under.Client.QuitAsync(CancellationToken.None);
        await under.Client.Closed;
        under.Client.Dispose();
        await under.StartAsync();

        (await PublishedPortTests.ReadAllAsync(host)).ShouldBe("from guest");
    }

    [Fact]
    public async Task Switch_WithAPortTakenMeanwhile_HasTheOthersAndKeepsTheGuestsFolder()
    {
        var (lost, kept) = (SwitchUnderTest.FreePort(), SwitchUnderTest.FreePort());
        var unlucky = under.NewPort("unlucky", 1, new PublishedPort(7000, lost));
        var guest = await under.BootWithAddressAsync(unlucky);
        var other = await under.BootWithAddressAsync(under.NewPort("lucky", 1, new PublishedPort(7000, kept)));
        using var onGuest = await guest.GreetAsync(7000, "from guest");
        using var onOther = await other.GreetAsync(7000, "from other");
        await under.KillAsync();

        var thief = new Greeter(
            new(System.Net.Sockets.AddressFamily.InterNetwork, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp),
            new IPEndPoint(IPAddress.Loopback, lost),
            "thief");
        await under.StartAsync();
        (await PublishedPortTests.ReadAllAsync(kept)).ShouldBe("from other");
        (await under.Client.ListAsync(CancellationToken.None)).ShouldNotContain(unlucky.Id);
        thief.Dispose();
        await under.Client.JoinAsync(unlucky, CancellationToken.None);

        (await PublishedPortTests.ReadAllAsync(lost)).ShouldBe("from guest");
    }

    [Fact]
    public async Task Guest_WhoseProcessWasReplaced_IsReachedAgain()
    {
        var port = under.NewPort("replaced", 1);
        var sender = await under.PlugAsync(under.NewPort("replaced", 2));
        var before = await under.PlugAsync(port);
        before.ReceiveAll().ShouldBeEmpty();
        before.Dispose();

        using var after = new RawGuest(under.SwitchFolder, port);
        sender.Wire.Send(RawGuest.Udp(new(sender.Mac, sender.Address, 1), new(after.Mac, after.Address, 2), "hello"));
        sender.ReceiveAll();
        sender.Dispose();

        after.ReceiveAll().Count.ShouldBe(1);
    }

    [Fact]
    public async Task Switch_WhileOneRuns_DoesNotStartTwice()
    {
        var (exitCode, _, error) = await Shell.TryAsync(Path.Combine(AppContext.BaseDirectory, "cloud-switch"), under.SwitchFolder.Path);

        exitCode.ShouldBe(3);
        error.ShouldContain("already");
        (await under.Client.HelloAsync(CancellationToken.None)).Protocol.ShouldBe(SwitchClient.Protocol);
    }

    [Fact]
    public async Task Switch_AsRoot_RunsWithoutRights()
    {
        var hello = await under.Client.HelloAsync(CancellationToken.None);
        var status = await File.ReadAllLinesAsync($"/proc/{hello.ProcessId}/status");

        status.ShouldContain("Uid:\t1000100000\t1000100000\t1000100000\t1000100000");
        status.ShouldContain("Gid:\t1000100000\t1000100000\t1000100000\t1000100000");
        status.ShouldContain("Groups:\t ");
        status.ShouldContain("CapPrm:\t0000000000000000");
        status.ShouldContain("CapEff:\t0000000000000000");
        status.ShouldContain("NoNewPrivs:\t1");
        // A session of its own.
        (await Shell.RunAsync("ps", "-o", "sid=", "-p", $"{hello.ProcessId}")).Trim().ShouldBe($"{hello.ProcessId}");
        File.GetUnixFileMode(under.SwitchFolder.ControlSocket).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Directory.EnumerateFiles(under.SwitchFolder.State).ShouldAllBe(
            file => File.GetUnixFileMode(file) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }
}
