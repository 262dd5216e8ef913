using System.Net;
using System.Net.Sockets;

namespace Cloud.Testing.Servers;

/// <summary>A RabbitMQ broker of the test's own.</summary>
public sealed class PrivateRabbitMq() : PrivateServer("rabbitmq", "TERM")
{
    /// <summary>As <c>Cloud:RabbitMq</c> wants it.</summary>
    public string Uri => $"amqp://cloud:{Password}@127.0.0.1:{Port}/";

    public static async Task<PrivateRabbitMq> StartNewAsync()
    {
        var server = new PrivateRabbitMq();
        await server.StartAsync();
        return server;
    }

    // It listens when all else is up.
    protected override async Task<bool> AnswersAsync()
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
