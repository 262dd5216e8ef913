using Cloud.Identity.Persistence;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.Identity.Migrations.Postgres.Migrations;

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
            CREATE FUNCTION "RefuseAuditChange"() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
              RAISE EXCEPTION 'the audit log is append-only';
            END $$
            """);
        migrationBuilder.Sql(
            """
            CREATE TRIGGER "AuditEntries_NoChange" BEFORE UPDATE OR DELETE OR TRUNCATE ON "AuditEntries"
            FOR EACH STATEMENT EXECUTE FUNCTION "RefuseAuditChange"()
            """);
    }

    /// <inheritdoc />
    protected override void Down(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.Sql("DROP TRIGGER \"AuditEntries_NoChange\" ON \"AuditEntries\"");
        migrationBuilder.Sql("DROP FUNCTION \"RefuseAuditChange\"()");
    }
}
