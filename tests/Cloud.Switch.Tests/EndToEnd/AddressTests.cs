using System.Globalization;

namespace Cloud.Switch.Tests.EndToEnd;

public sealed class AddressTests(SwitchUnderTest under) : IClassFixture<SwitchUnderTest>
{
    /// <summary>busybox' client prints what it was given, one variable a line.</summary>
    private const string Script = "#!/bin/sh\n[ \"$1\" = bound ] && env\nexit 0\n";

    [Fact]
    public async Task Dhcp_OfAGuest_GivesThePlannedAddress()
    {
        var guest = await under.BootAsync(under.NewPort("dhcp", 1));
        var script = Path.Combine(under.Folder, "udhcpc.sh");
        await File.WriteAllTextAsync(script, Script);
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        var output = await guest.Space.RunAsync("busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-O", "search", "-s", script);

        var lease = output.Split('\n');
        lease.ShouldContain("ip=10.80.0.17");
        lease.ShouldContain("mask=20");
        lease.ShouldContain("router=10.80.0.2");
        lease.ShouldContain("dns=10.80.0.3");
        lease.ShouldContain("hostname=guest1");
        lease.ShouldContain("search=cloud.internal");
        int.Parse(lease.Single(line => line.StartsWith("lease=", StringComparison.Ordinal))[6..], CultureInfo.InvariantCulture)
            .ShouldBeGreaterThan(24 * 3600);
    }

    [Fact]
    public async Task Name_OfASibling_IsItsAddress()
    {
        var guest = await under.BootWithAddressAsync(under.NewPort("names", 1));
        await under.Client.JoinAsync(under.NewPort("names", 2), CancellationToken.None);

        (await AskAsync(guest, "guest2")).ShouldContain("10.80.0.18");
        (await AskAsync(guest, "guest2.cloud.internal")).ShouldContain("10.80.0.18");
        (await AskAsync(guest, "10.80.0.18")).ShouldContain("guest2.cloud.internal");
    }

    [Fact]
    public async Task Name_OfAnotherProjectsGuest_IsNotFound()
    {
        var guest = await under.BootWithAddressAsync(under.NewPort("names-a", 1));
        await under.Client.JoinAsync(under.NewPort("names-b", 2), CancellationToken.None);

        (await AskAsync(guest, "guest2.cloud.internal")).ShouldContain("NXDOMAIN");
    }

    [Fact]
    public async Task Name_AfterTheGuestLeft_IsNotFound()
    {
        var guest = await under.BootWithAddressAsync(under.NewPort("names-c", 1));
        var sibling = under.NewPort("names-c", 2);
        await under.Client.JoinAsync(sibling, CancellationToken.None);
        (await AskAsync(guest, "guest2.cloud.internal")).ShouldContain("10.80.0.18");

        await under.Client.LeaveAsync(sibling.Id, CancellationToken.None);

        (await AskAsync(guest, "guest2.cloud.internal")).ShouldContain("NXDOMAIN");
    }

    [Fact]
    public async Task Port_WithATakenAddress_IsRefused()
    {
        await under.Client.JoinAsync(under.NewPort("taken", 1), CancellationToken.None);

        var refused = await Should.ThrowAsync<Client.SwitchException>(
            under.Client.JoinAsync(under.NewPort("taken", 2) with { Address = "10.80.0.17" }, CancellationToken.None));

        refused.Code.ShouldBe("invalid-port");
    }

    /// <summary>Also where it fails: nslookup says why on its standard output.</summary>
    private static async Task<string> AskAsync(NamespaceGuest guest, string name) =>
        (await Shell.TryAsync("ip", "netns", "exec", guest.Space.Name, "busybox", "nslookup", name, "10.80.0.3")).Output;
}
