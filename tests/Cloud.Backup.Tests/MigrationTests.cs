using Cloud.Backup.Persistence;
using Cloud.Testing.Databases;

namespace Cloud.Backup.Tests;

public sealed class MigrationTests
{
    [Fact]
    public void Migrations_OfBothDatabases_HaveAllOfTheModel() => MigrationChecks.ShouldHaveAllOfTheModel<BackupDbContext>();
}
