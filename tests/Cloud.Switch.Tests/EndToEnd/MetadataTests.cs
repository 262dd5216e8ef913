using System.Net;
using Cloud.Switch.Client;

namespace Cloud.Switch.Tests.EndToEnd;

public sealed class MetadataTests(SwitchUnderTest under) : IClassFixture<SwitchUnderTest>
{
    private const string Address = "http://169.254.169.254";

    [Fact]
    public async Task Metadata_OfTwoGuests_IsEachsOwn()
    {
        var first = await under.BootWithAddressAsync(WithMetadata(under.NewPort("meta", 1), "#!/bin/sh\necho one"));
        var second = await under.BootWithAddressAsync(WithMetadata(under.NewPort("meta", 2), "#!/bin/sh\necho two"));
        using var asFirst = first.Http();
        using var asSecond = second.Http();

        (await asFirst.GetStringAsync(Address + "/latest/meta-data/instance-id")).ShouldBe("i-meta-1");
        (await asSecond.GetStringAsync(Address + "/latest/meta-data/instance-id")).ShouldBe("i-meta-2");
        (await asFirst.GetStringAsync(Address + "/latest/user-data")).ShouldBe("#!/bin/sh\necho one");
        (await asSecond.GetStringAsync(Address + "/user-data")).ShouldBe("#!/bin/sh\necho two");
        (await asFirst.GetStringAsync(Address + "/2009-04-04/meta-data/local-ipv4")).ShouldBe("10.80.0.17");
        (await asFirst.GetStringAsync(Address + "/meta-data")).ShouldBe("instance-id: i-meta-1");
        (await asFirst.GetStringAsync(Address + "/latest/meta-data/public-keys/0/openssh-key")).ShouldBe("ssh-ed25519 AAAA first@cloud");
    }

    [Fact]
    public async Task Metadata_WithATokenOfVersion2_IsGiven()
    {
        var guest = await under.BootWithAddressAsync(WithMetadata(under.NewPort("token", 1), null));
        using var http = guest.Http();
        using var ask = new HttpRequestMessage(HttpMethod.Put, Address + "/latest/api/token");
        ask.Headers.Add("X-aws-ec2-metadata-token-ttl-seconds", "60");

        var token = await (await http.SendAsync(ask)).Content.ReadAsStringAsync();
        http.DefaultRequestHeaders.Add("X-aws-ec2-metadata-token", token);

        token.ShouldNotBeEmpty();
        (await http.GetStringAsync(Address + "/latest/meta-data/local-hostname")).ShouldBe("guest1");
        (await http.GetAsync(Address + "/latest/user-data")).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Metadata_ByBusyboxAndCurl_IsRead()
    {
        var guest = await under.BootWithAddressAsync(WithMetadata(under.NewPort("tools", 1), "data"));

        (await guest.Space.RunAsync("busybox", "wget", "-q", "-O", "-", Address + "/latest/user-data")).ShouldBe("data");
        (await guest.Space.RunAsync("curl", "-sf", Address + "/latest/user-data")).ShouldBe("data");
    }

    [Fact]
    public async Task UserData_OfOneMebibyte_ArrivesWhole()
    {
        var data = string.Concat(Enumerable.Range(0, 1 << 17).Select(number => $"{number % 10_000_000:d7}\n"));
        data.Length.ShouldBe(1 << 20);
        var guest = await under.BootWithAddressAsync(WithMetadata(under.NewPort("big", 1), data));
        using var http = guest.Http();

        (await http.GetStringAsync(Address + "/latest/user-data")).ShouldBe(data);
    }

    [Fact]
    public async Task Metadata_ChangedWhileTheGuestRuns_IsTheNew()
    {
        var port = WithMetadata(under.NewPort("changed", 1), "old");
        var guest = await under.BootWithAddressAsync(port);
        using var http = guest.Http();
        (await http.GetStringAsync(Address + "/user-data")).ShouldBe("old");

        await under.Client.JoinAsync(WithMetadata(port, "new"), CancellationToken.None);

        (await http.GetStringAsync(Address + "/user-data")).ShouldBe("new");
    }

    [Fact]
    public async Task Request_ThatIsNoHttp_IsRefusedAndTheNextAnswered()
    {
        var guest = await under.BootWithAddressAsync(WithMetadata(under.NewPort("junk", 1), "data"));
        using var http = guest.Http();
        string[] junks =
        [
            "\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9\r\n\r\n", new string('x', 10_000),
            "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        ];
        foreach (var junk in junks)
        {
            using var socket = await guest.SocketAsync(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
            await socket.ConnectAsync(IPAddress.Parse("169.254.169.254"), 80);
            await socket.SendAsync(System.Text.Encoding.ASCII.GetBytes(junk));
            var answer = new byte[12];
            await new System.Net.Sockets.NetworkStream(socket).ReadExactlyAsync(answer);
            System.Text.Encoding.ASCII.GetString(answer).ShouldStartWith("HTTP/1.1 4");
        }

        (await http.GetStringAsync(Address + "/user-data")).ShouldBe("data");
    }

    private static SwitchPort WithMetadata(SwitchPort port, string? userData) => port with
    {
        Metadata = new PortMetadata
        {
            UserData = userData,
            AuthorizedKeys = ["ssh-ed25519 AAAA first@cloud"],
            MetaData = "instance-id: " + port.Id,
            NetworkConfig = "version: 2",
        },
    };
}
