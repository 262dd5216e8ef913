using System.Diagnostics;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace Cloud.Testing.Servers;

/// <summary>A RabbitMQ broker of the test's own.</summary>
public sealed class PrivateRabbitMq() : PrivateServer("rabbitmq", "TERM")
{
    /// <summary>Made by one call of the server's tool, as the tool takes a second to start.</summary>
    private const int VirtualHostsAtOnce = 20;

    /// <summary>Makes virtual hosts of its arguments' names, each with all permissions for the server's user.</summary>
    private const string VirtualHostMaker =
        """
        . "$1/ctl.env"; shift
        exec /usr/lib/rabbitmq/bin/rabbitmqctl eval "[begin
            rabbit_vhost:add(Name, <<\"test\">>),
            rabbit_auth_backend_internal:set_permissions(<<\"cloud\">>, Name, <<\".*\">>, <<\".*\">>, <<\".*\">>, <<\"test\">>)
          end || Name <- [$(printf ',<<"%s">>' "$@" | cut -c 2-)]], ok."
        """;

    private readonly Queue<string> _virtualHosts = new();
    private readonly SemaphoreSlim _virtualHostsLock = new(1);

    /// <summary>As <c>Cloud:RabbitMq</c> wants it.</summary>
    public string Uri => $"amqp://cloud:{Password}@127.0.0.1:{Port}/";

    public static async Task<PrivateRabbitMq> StartNewAsync()
    {
        var server = new PrivateRabbitMq();
        await server.StartAsync();
        return server;
    }

    /// <summary>As <see cref="Uri"/>, in a virtual host that nobody else has: who speaks there hears nothing of other tests.</summary>
    public async Task<string> NewVirtualHostAsync()
    {
        await _virtualHostsLock.WaitAsync();
        try
        {
            if (_virtualHosts.Count == 0)
            {
                await MakeVirtualHostsAsync();
            }

            return Uri + _virtualHosts.Dequeue();
        }
        finally
        {
            _virtualHostsLock.Release();
        }
    }

    private async Task MakeVirtualHostsAsync()
    {
        var names = Enumerable.Range(0, VirtualHostsAtOnce).Select(_ => $"v{Guid.NewGuid():N}").ToList();
        using var maker = Process.Start(new ProcessStartInfo("bash", ["-euc", VirtualHostMaker, "maker", Data, .. names])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var said = await Task.WhenAll(maker.StandardOutput.ReadToEndAsync(), maker.StandardError.ReadToEndAsync());
        await maker.WaitForExitAsync();
        if (maker.ExitCode != 0)
        {
            throw new InvalidOperationException($"No virtual hosts: {string.Concat(said)}");
        }

        names.ForEach(_virtualHosts.Enqueue);
    }

    // By a log-in: whoever listens on the port may be somebody else, and the server itself may not be ready.
    protected override async Task<bool> AnswersAsync()
    {
        try
        {
            var factory = new ConnectionFactory { Uri = new Uri(Uri), AutomaticRecoveryEnabled = false };
            await using var connection = await factory.CreateConnectionAsync();
            return true;
        }
        catch (BrokerUnreachableException)
        {
            return false;
        }
    }
}
