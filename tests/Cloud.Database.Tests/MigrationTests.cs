using Cloud.Database.Persistence;
using Cloud.Testing.Databases;

namespace Cloud.Database.Tests;

public sealed class MigrationTests
{
    [Fact]
    public void Migrations_OfBothDatabases_HaveAllOfTheModel() => MigrationChecks.ShouldHaveAllOfTheModel<DatabaseDbContext>();
}
