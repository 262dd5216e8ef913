using Cloud.ObjectStorage.Persistence;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.ObjectStorage.Migrations.Sqlite.Migrations;

/// <summary>Written by hand: the model is the same. The parts of uploads under way take from their projects' quota from here on.</summary>
[DbContext(typeof(ObjectStorageDbContext))]
[Migration("20261129010300_CountUploadsUnderWay")]
public partial class CountUploadsUnderWay : Migration
{
    /// <inheritdoc />
    protected override void Up(MigrationBuilder migrationBuilder) => Count(migrationBuilder, "SUM");

    /// <inheritdoc />
    protected override void Down(MigrationBuilder migrationBuilder) => Count(migrationBuilder, "-SUM");

    private static void Count(MigrationBuilder migrationBuilder, string sum) => migrationBuilder.Sql(
        $"""
        INSERT INTO "quota_counts" ("Project", "Name", "Used", "Generation")
        SELECT "Buckets"."Project", 'objectBytes', {sum}("Parts"."SizeBytes"), 1
        FROM "Parts" JOIN "Uploads" ON "Uploads"."Id" = "Parts"."Upload" JOIN "Buckets" ON "Buckets"."Id" = "Uploads"."Bucket"
        WHERE TRUE GROUP BY "Buckets"."Project"
        ON CONFLICT ("Project", "Name") DO UPDATE SET
            "Used" = "quota_counts"."Used" + excluded."Used", "Generation" = "quota_counts"."Generation" + 1
        """);
}
