using Cloud.BlockStorage.Persistence;
using Cloud.Testing.Databases;

namespace Cloud.BlockStorage.Tests;

public sealed class MigrationTests
{
    [Fact]
    public void Migrations_OfBothDatabases_HaveAllOfTheModel() => MigrationChecks.ShouldHaveAllOfTheModel<BlockStorageDbContext>();
}
