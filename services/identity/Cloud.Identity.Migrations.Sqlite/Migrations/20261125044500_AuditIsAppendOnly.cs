using Cloud.Identity.Persistence;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.Identity.Migrations.Sqlite.Migrations;

/// <summary>Written by hand: a model has no triggers. Nobody changes the audit log, whatever this service's code does.</summary>
[DbContext(typeof(IdentityDbContext))]
[Migration("20261125044500_AuditIsAppendOnly")]
public partial class AuditIsAppendOnly : Migration
{
    /// <inheritdoc />
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.Sql(
            """
            CREATE TRIGGER "AuditEntries_NoUpdate" BEFORE UPDATE ON "AuditEntries"
            BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
            """);
        migrationBuilder.Sql(
            """
            CREATE TRIGGER "AuditEntries_NoDelete" BEFORE DELETE ON "AuditEntries"
            BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
            """);
    }

    /// <inheritdoc />
    protected override void Down(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.Sql("DROP TRIGGER \"AuditEntries_NoUpdate\"");
        migrationBuilder.Sql("DROP TRIGGER \"AuditEntries_NoDelete\"");
    }
}
