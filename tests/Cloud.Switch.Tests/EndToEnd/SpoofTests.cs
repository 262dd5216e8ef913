using Cloud.Switch.Frames;

namespace Cloud.Switch.Tests.EndToEnd;

/// <summary>A guest that says it is another.</summary>
public sealed class SpoofTests(SwitchUnderTest under) : IClassFixture<SwitchUnderTest>
{
    [Fact]
    public async Task Frame_FromItsOwnAddress_Arrives()
    {
        var (liar, victim) = await PlugTwoAsync("honest");
        using (liar)
        using (victim)
        {
            liar.Wire.Send(RawGuest.Udp(new(liar.Mac, liar.Address, 1), new(victim.Mac, victim.Address, 2), "hello"));

            liar.ReceiveAll();
            victim.ReceiveAll().Count.ShouldBe(1);
        }
    }

    [Fact]
    public async Task Frame_WithAnothersMac_IsDropped()
    {
        var (liar, victim) = await PlugTwoAsync("mac");
        using (liar)
        using (victim)
        {
            liar.Wire.Send(RawGuest.Udp(new(0x52540a50_00ff, liar.Address, 1), new(victim.Mac, victim.Address, 2), "lie"));

            liar.ReceiveAll();
            victim.ReceiveAll().ShouldBeEmpty();
        }
    }

    [Fact]
    public async Task Packet_WithAnothersAddress_IsDropped()
    {
        var (liar, victim) = await PlugTwoAsync("address");
        using (liar)
        using (victim)
        {
            liar.Wire.Send(RawGuest.Udp(new(liar.Mac, NetworkPlan.Router, 1), new(victim.Mac, victim.Address, 2), "lie"));
            liar.Wire.Send(RawGuest.Udp(new(liar.Mac, NetworkPlan.NameServer, 53), new(victim.Mac, victim.Address, 2), "lie"));
            liar.Wire.Send(RawGuest.Udp(new(liar.Mac, 0x08080808, 53), new(NetworkPlan.BroadcastMac, uint.MaxValue, 2), "lie"));

            liar.ReceiveAll();
            victim.ReceiveAll().ShouldBeEmpty();
        }
    }

    [Fact]
    public async Task ArpReply_ForTheRouter_ReachesNobody()
    {
        var (liar, victim) = await PlugTwoAsync("arp");
        using (liar)
        using (victim)
        {
            var lie = new byte[Arp.FrameLength];
            Arp.WriteReply(lie, liar.Mac, NetworkPlan.Router, victim.Mac, victim.Address);
            liar.Wire.Send(lie);
            liar.Wire.Send(RawGuest.ArpRequest(liar.Mac, NetworkPlan.Router, victim.Address));
            liar.Wire.Send(RawGuest.ArpRequest(liar.Mac, victim.Address, victim.Address));

            liar.ReceiveAll().ShouldBeEmpty();
            victim.ReceiveAll().ShouldBeEmpty();
        }
    }

    [Fact]
    public async Task ArpRequest_ForASibling_IsAnsweredByTheSwitch()
    {
        var (asker, sibling) = await PlugTwoAsync("who-has");
        using (asker)
        using (sibling)
        {
            asker.Wire.Send(RawGuest.ArpRequest(asker.Mac, asker.Address, sibling.Address));

            var reply = asker.ReceiveAll().Single();
            Ethernet.ReadMac(reply.AsSpan(Ethernet.HeaderLength + 8)).ShouldBe(sibling.Mac);
            sibling.ReceiveAll().ShouldBeEmpty();
        }
    }

    [Fact]
    public async Task DhcpReply_OfAGuest_ReachesNobody()
    {
        var (liar, victim) = await PlugTwoAsync("rogue");
        using (liar)
        using (victim)
        {
            liar.Wire.Send(RawGuest.Udp(new(liar.Mac, NetworkPlan.Router, 67), new(victim.Mac, uint.MaxValue, 68), "lease"));
            liar.Wire.Send(RawGuest.Udp(new(liar.Mac, liar.Address, 67), new(victim.Mac, victim.Address, 68), "lease"));

            liar.ReceiveAll();
            victim.ReceiveAll().ShouldBeEmpty();
        }
    }

    [Fact]
    public async Task Frame_ForAnotherProjectsMac_ReachesNobody()
    {
        using var liar = await under.PlugAsync(under.NewPort("here", 1));
        using var victim = await under.PlugAsync(under.NewPort("there", 2));

        liar.Wire.Send(RawGuest.Udp(new(liar.Mac, liar.Address, 1), new(victim.Mac, victim.Address, 2), "hello"));
        liar.Wire.Send(RawGuest.Udp(new(liar.Mac, liar.Address, 1), new(NetworkPlan.BroadcastMac, uint.MaxValue, 2), "hello"));

        liar.ReceiveAll();
        victim.ReceiveAll().ShouldBeEmpty();
    }

    [Fact]
    public async Task Broadcast_OfAFlood_IsLimited()
    {
        var (loud, sibling) = await PlugTwoAsync("loud");
        using (loud)
        using (sibling)
        {
            for (var count = 0; count < 1000; count++)
            {
                loud.Wire.Send(RawGuest.Udp(new(loud.Mac, loud.Address, 1), new(NetworkPlan.BroadcastMac, uint.MaxValue, 2), "hey"));
            }

            loud.ReceiveAll();
            sibling.ReceiveAll().Count.ShouldBeInRange(1, 500);
        }
    }

    [Fact]
    public async Task Socket_OfAnothersPort_CannotBeReachedByAGuestsUser()
    {
        var port = under.NewPort("private", 1);
        using var guest = await under.PlugAsync(port);
        var socket = under.SwitchFolder.SwitchSocket(port.Id);

        // As the driver starts a guest's process.
        var (exitCode, _, error) = await Shell.TryAsync(
            "setpriv", "--reuid", "1000000001", "--regid", "1000000001", "--clear-groups", "test", "-e", socket);

        exitCode.ShouldBe(1, error);
        File.Exists(socket).ShouldBeTrue();
    }

    private async Task<(RawGuest, RawGuest)> PlugTwoAsync(string project) =>
        (await under.PlugAsync(under.NewPort(project, 1)), await under.PlugAsync(under.NewPort(project, 2)));
}
