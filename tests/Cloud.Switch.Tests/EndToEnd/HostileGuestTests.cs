using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Cloud.Switch.Client;
using Cloud.Switch.Frames;

namespace Cloud.Switch.Tests.EndToEnd;

/// <summary>A guest that sends whatever it likes. The switch goes on, and other projects do not notice.</summary>
public sealed class HostileGuestTests(SwitchUnderTest under, ITestOutputHelper output) : IClassFixture<SwitchUnderTest>
{
    private const int Rounds = 20_000;

    [Fact]
    public async Task Frames_OfChance_HarmNobody()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("CLOUD_TEST_SEED"), CultureInfo.InvariantCulture, out var asked)
            ? asked
            : Environment.TickCount;
        output.WriteLine($"CLOUD_TEST_SEED={seed}");
        var random = new Random(seed);
        var hello = await under.Client.HelloAsync(CancellationToken.None);
        using var hostile = await under.PlugAsync(under.NewPort("hostile", 1));
        using var bystander = await under.PlugAsync(under.NewPort("bystander", 1));

        for (var round = 0; round < Rounds; round++)
        {
            hostile.Wire.Send(Spoil(random, hostile));
            hostile.Wire.Receive(0);
        }

        bystander.ReceiveAll().ShouldBeEmpty();
        (await under.Client.HelloAsync(CancellationToken.None)).ProcessId.ShouldBe(hello.ProcessId);
        var statistics = await under.Client.ReadStatisticsAsync(CancellationToken.None);
        statistics.Single(port => port.Id == "i-hostile-1").RefusedPackets.ShouldBeGreaterThan(0);
        statistics.Single(port => port.Id == "i-bystander-1").RefusedPackets.ShouldBe(0);
    }

    [Fact]
    public async Task Connections_ToTheMetadataThatSayNothing_KeepNobodyWaiting()
    {
        const int Connections = 100;
        var silent = await under.BootWithAddressAsync(under.NewPort("silent", 1));
        var sockets = new List<Socket>();
        for (var count = 0; count < Connections; count++)
        {
            sockets.Add(await silent.SocketAsync(SocketType.Stream, ProtocolType.Tcp));
        }

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await Task.WhenAll(sockets.Select(socket => socket.ConnectAsync(IPAddress.Parse("169.254.169.254"), 80, limit.Token).AsTask()));

        using var bystander = await under.PlugAsync(under.NewPort("polite", 1));
        bystander.ReceiveAll().ShouldBeEmpty();
        sockets.ForEach(socket => socket.Dispose());
    }

    [Fact]
    public async Task Flood_OfOneGuest_LeavesAnothersPublishedPort()
    {
        var host = SwitchUnderTest.FreePort();
        var guest = await under.BootWithAddressAsync(under.NewPort("calm", 1, new PublishedPort(7000, host)));
        using var greeter = await guest.GreetAsync(7000, "from guest");
        using var flooder = await under.PlugAsync(under.NewPort("flood", 1));
        using var stop = new CancellationTokenSource();
        var frame = RawGuest.Udp(
            new(flooder.Mac, flooder.Address, 1), new(NetworkPlan.RouterMac, NetworkPlan.NameServer, 53), new string('x', 1400));
        var flood = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                flooder.Wire.Send(frame);
            }
        });

        var answers = new List<string>();
        for (var count = 0; count < 5; count++)
        {
            answers.Add(await PublishedPortTests.ReadAllAsync(host));
        }

        await stop.CancelAsync();
        await flood;
        answers.ShouldAllBe(answer => answer == "from guest");
    }

    [Fact]
    public async Task Connections_WithoutEnd_AreLimited()
    {
        var port = under.NewPort("greedy", 1);
        using var greedy = await under.PlugAsync(port);
        var outside = BinaryPrimitives.ReadUInt32BigEndian(under.Outside.Address.GetAddressBytes());

        for (var source = 1; source <= 2000; source++)
        {
            greedy.Wire.Send(RawGuest.Udp(new(greedy.Mac, greedy.Address, (ushort)source), new(NetworkPlan.RouterMac, outside, 9), "x"));
        }

        greedy.ReceiveAll();
        (await under.ReadStatisticsAsync(port)).OpenSockets.ShouldBe(512);
    }

    [Fact]
    public async Task Dhcp_AskedAThousandTimesWithOthersMacs_GivesNothingAway()
    {
        using var greedy = await under.PlugAsync(under.NewPort("starve", 1));
        for (var count = 0; count < 1000; count++)
        {
            var discover = Dhcp.DhcpServerTests.Message(1, 0x020000000000u + (ulong)count);
            greedy.Wire.Send(RawGuest.Udp(new(greedy.Mac, 0, 68), new(NetworkPlan.BroadcastMac, uint.MaxValue, 67), discover));
        }

        greedy.ReceiveAll().ShouldBeEmpty();
    }

    private static byte[] Spoil(Random random, RawGuest guest)
    {
        var target = random.Next(5) switch
        {
            0 => NetworkPlan.NameServer,
            1 => NetworkPlan.Metadata,
            2 => NetworkPlan.Router,
            3 => uint.MaxValue,
            _ => NetworkPlan.Subnet + (uint)random.Next(4096),
        };
        var data = new byte[random.Next(0, 1400)];
        random.NextBytes(data);
        var frame = RawGuest.Udp(
            new(guest.Mac, random.Next(4) == 0 ? 0 : guest.Address, random.Next(2) == 0 ? (ushort)68 : (ushort)random.Next(65536)),
            new(
                target == uint.MaxValue ? NetworkPlan.BroadcastMac : NetworkPlan.RouterMac, target,
                (ushort)(random.Next(3) switch { 0 => 53, 1 => 67, _ => 80 })),
            data);
        if (random.Next(3) == 0)
        {
            frame[23] = (byte)random.Next(256);
        }

        // Bytes of the headers, most often with the IP header's checksum made right again so that what is behind it is reached.
        for (var count = random.Next(4); count > 0; count--)
        {
            frame[random.Next(12, Math.Min(frame.Length, 80))] = (byte)random.Next(256);
        }

        if (random.Next(4) != 0)
        {
            frame.AsSpan(24, 2).Clear();
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), Checksum.Of(frame.AsSpan(14, 20)));
        }

        return random.Next(10) switch
        {
            0 => frame[..random.Next(frame.Length)],
            1 => [.. frame, .. new byte[random.Next(60_000)]],
            _ => frame,
        };
    }
}
