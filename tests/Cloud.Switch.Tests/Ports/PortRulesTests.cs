using Cloud.Switch.Client;
using Cloud.Switch.Ports;

namespace Cloud.Switch.Tests.Ports;

public sealed class PortRulesTests
{
    private static readonly SwitchPort Right = new()
    {
        Id = "i-1",
        Project = "p",
        HostName = "web",
        MacAddress = "52:54:0a:50:00:10",
        Address = "10.80.0.16",
        GuestSocket = "/somewhere/guest.sock",
        Published = [new PublishedPort(22, 40022)],
        Metadata = new PortMetadata { AuthorizedKeys = [], MetaData = "", NetworkConfig = "" },
    };

    [Fact]
    public void Port_AsPlanned_IsAccepted() => Should.NotThrow(() => PortRules.Check(Right));

    [Fact]
    public void Port_WithAWrongPart_IsRefused()
    {
        SwitchPort[] wrong =
        [
            Right with { Id = "../i-1" },
            Right with { Id = "" },
            Right with { Id = new string('a', 65) },
            Right with { Project = "" },
            Right with { HostName = "a.b" },
            Right with { HostName = "a b" },
            Right with { MacAddress = "01:54:0a:50:00:10" },
            Right with { MacAddress = "52:54:0a:50:00:1" },
            Right with { MacAddress = "52-54-0a-50-00-10" },
            Right with { Address = "10.80.0.2" },
            Right with { Address = "10.80.0.3" },
            Right with { Address = "10.80.15.255" },
            Right with { Address = "10.80.16.16" },
            Right with { Address = "::1" },
            Right with { GuestSocket = "guest.sock" },
            Right with { Published = [new PublishedPort(0, 40022)] },
            Right with { Published = [new PublishedPort(22, 65536)] },
            Right with { Published = [new PublishedPort(22, 40022), new PublishedPort(23, 40022)] },
        ];
        foreach (var port in wrong)
        {
            Should.Throw<SwitchException>(() => PortRules.Check(port), port.ToString()).Code.ShouldBe("invalid-port");
        }
    }
}
