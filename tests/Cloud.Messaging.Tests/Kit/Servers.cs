using Cloud.Messaging.Tests.Kit;
using Cloud.Testing.Servers;

[assembly: AssemblyFixture(typeof(Servers))]

namespace Cloud.Messaging.Tests.Kit;

/// <summary>One PostgreSQL and one RabbitMQ for all tests that do not harm them.</summary>
public sealed class Servers : IAsyncLifetime
{
    public PrivatePostgres Postgres { get; } = new();

    public PrivateRabbitMq RabbitMq { get; } = new();

    public async ValueTask InitializeAsync() => await Task.WhenAll(Postgres.StartAsync(), RabbitMq.StartAsync());

    public async ValueTask DisposeAsync()
    {
        await Postgres.DisposeAsync();
        await RabbitMq.DisposeAsync();
    }

    /// <summary>Settings for one test: a name, a folder and a virtual host of its own.</summary>
    internal async Task<NodeSettings> OfAsync(Profile profile)
    {
        var name = $"t{Guid.NewGuid():N}";
        var data = Path.Combine(Path.GetTempPath(), $"cloud-messaging-{name}");
        Directory.CreateDirectory(data);
        return profile == Profile.Local
            ? new NodeSettings(name, data)
            : new NodeSettings(name, data, Postgres.ConnectionString, await RabbitMq.NewVirtualHostAsync());
    }
}

/// <summary>SQLite and the bus in memory, or PostgreSQL and RabbitMQ.</summary>
public enum Profile
{
    Local,
    Distributed,
}
