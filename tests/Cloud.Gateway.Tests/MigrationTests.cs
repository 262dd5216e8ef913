using Cloud.Gateway.Persistence;
using Cloud.Testing.Databases;

namespace Cloud.Gateway.Tests;

public sealed class MigrationTests
{
    [Fact]
    public void Migrations_HaveAllOfTheModel() => MigrationChecks.ShouldHaveAllOfTheModel<GatewayDbContext>();
}
