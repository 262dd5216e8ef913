using System.Buffers.Binary;
using System.Text;
using Cloud.Switch.Client;
using Cloud.Switch.Dns;
using Cloud.Switch.Ports;
using Cloud.Switch.Relays;

namespace Cloud.Switch.Tests.Dns;

public sealed class DnsResponderTests
{
    private const ushort TypeA = 1;
    private const ushort TypePointer = 12;
    private const ushort TypeAaaa = 28;

    private readonly Network _network = new();

    public DnsResponderTests()
    {
        _network.Serve([new ServiceEntry(["orders.db", "db-1.db"], (10u << 24) | (80u << 16) | (15 << 8) | 3, 5432, "/nowhere")]);
        _network.TryAdd(new Port(
            new SwitchPort
            {
                Id = "i-1",
                Project = "p",
                HostName = "Web-1",
                MacAddress = "52:54:0a:50:00:10",
                Address = "10.80.0.16",
                GuestSocket = "/nowhere",
                Published = [],
                Metadata = new PortMetadata { AuthorizedKeys = [], MetaData = "", NetworkConfig = "" },
            },
            _network,
            sockets: null!));
    }

    [Theory]
    [InlineData("web-1")]
    [InlineData("WEB-1")]
    [InlineData("web-1.cloud.internal")]
    [InlineData("Web-1.Cloud.Internal")]
    public void Name_OfAGuest_IsItsAddress(string name)
    {
        var response = Answer(Query(name, TypeA));

        CodeOf(response).ShouldBe(0);
        response[^4..].ShouldBe([10, 80, 0, 16]);
    }

    [Fact]
    public void Address_OfAGuest_IsItsName()
    {
        var response = Answer(Query("16.0.80.10.in-addr.arpa", TypePointer));

        CodeOf(response).ShouldBe(0);
        Encoding.ASCII.GetString(response[^22..]).ShouldBe("\u0005web-1\u0005cloud\u0008internal\0"[^22..]);
    }

    [Theory]
    [InlineData("orders.db")]
    [InlineData("Orders.DB")]
    [InlineData("orders.db.cloud.internal")]
    [InlineData("db-1.db")]
    public void Name_OfAService_IsItsAddress(string name)
    {
        var response = Answer(Query(name, TypeA));

        CodeOf(response).ShouldBe(0);
        response[^4..].ShouldBe([10, 80, 15, 3]);
    }

    [Fact]
    public void Address_OfAService_IsItsName()
    {
        var response = Answer(Query("3.15.80.10.in-addr.arpa", TypePointer));

        CodeOf(response).ShouldBe(0);
        Encoding.ASCII.GetString(response[^26..]).ShouldBe("\u0006orders\u0002db\u0005cloud\u0008internal\0"[^26..]);
    }

    [Theory]
    [InlineData("other.db", TypeA)]
    [InlineData("web-1.db", TypeA)]
    [InlineData("orders.cloud.internal", TypeA)]
    [InlineData("other.cloud.internal", TypeA)]
    [InlineData("a.web-1.cloud.internal", TypeA)]
    [InlineData("17.0.80.10.in-addr.arpa", TypePointer)]
    public void Name_OfNobody_IsNotThere(string name, ushort type) => CodeOf(Answer(Query(name, type))).ShouldBe(3);

    [Fact]
    public void Name_AskedForWhatItHasNot_IsThereWithoutAnswers()
    {
        var response = Answer(Query("web-1", TypeAaaa));

        CodeOf(response).ShouldBe(0);
        BinaryPrimitives.ReadUInt16BigEndian(response.AsSpan(6)).ShouldBe<ushort>(0);
    }

    [Theory]
    [InlineData("example.org", TypeA)]
    [InlineData("other", TypeA)]
    [InlineData("orders", TypeA)]
    [InlineData("1.2.0.192.in-addr.arpa", TypePointer)]
    [InlineData("x.80.10.in-addr.arpa", TypePointer)]
    public void Name_OfTheWorld_IsNotAnswered(string name, ushort type) => Answer(Query(name, type)).ShouldBeEmpty();

    [Fact]
    public void Query_CutAnywhere_IsNotAnswered()
    {
        var query = Query("web-1.cloud.internal", TypeA);
        for (var length = 0; length < query.Length; length++)
        {
            Answer(query[..length]).ShouldBeEmpty();
        }
    }

    [Fact]
    public void Query_WithAPointerInItsName_IsNotAnswered()
    {
        var query = Query("web-1", TypeA);
        query[12] = 0xc0;

        Answer(query).ShouldBeEmpty();
    }

    [Fact]
    public void Response_SentAsAQuery_IsNotAnswered()
    {
        var query = Query("web-1", TypeA);
        query[2] |= 0x80;

        Answer(query).ShouldBeEmpty();
    }

    private static byte[] Query(string name, ushort type)
    {
        var query = new List<byte> { 0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
        foreach (var label in name.Split('.'))
        {
            query.Add((byte)label.Length);
            query.AddRange(Encoding.ASCII.GetBytes(label));
        }

        query.AddRange([0, (byte)(type >> 8), (byte)type, 0, 1]);
        return [.. query];
    }

    private static int CodeOf(byte[] response) => response[3] & 0x0f;

    private byte[] Answer(byte[] query)
    {
        var response = new byte[1500];
        return response[..DnsResponder.Answer(_network, query, response)];
    }
}
