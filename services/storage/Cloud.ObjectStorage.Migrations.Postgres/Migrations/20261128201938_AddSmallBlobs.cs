using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.ObjectStorage.Migrations.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class AddSmallBlobs : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "DamagedBlobs",
                columns: table => new
                {
                    Blob = table.Column<string>(type: "text", nullable: false),
                    Bucket = table.Column<string>(type: "text", nullable: false),
                    Key = table.Column<string>(type: "text", nullable: false),
                    VersionId = table.Column<string>(type: "text", nullable: false),
                    Part = table.Column<int>(type: "integer", nullable: true),
                    Reason = table.Column<string>(type: "text", nullable: false),
                    FoundAt = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_DamagedBlobs", x => x.Blob);
                });

            migrationBuilder.CreateTable(
                name: "ScrubPositions",
                columns: table => new
                {
                    Id = table.Column<int>(type: "integer", nullable: false),
                    Bucket = table.Column<string>(type: "text", nullable: false),
                    Key = table.Column<string>(type: "text", nullable: false),
                    Rank = table.Column<long>(type: "bigint", nullable: false),
                    Part = table.Column<int>(type: "integer", nullable: false),
                    StartedAt = table.Column<long>(type: "bigint", nullable: false),
                    FinishedAt = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_ScrubPositions", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "SmallBlobs",
                columns: table => new
                {
                    Blob = table.Column<string>(type: "text", nullable: false),
                    Bytes = table.Column<byte[]>(type: "bytea", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_SmallBlobs", x => x.Blob);
                });

            migrationBuilder.CreateTable(
                name: "WebhookDeliveries",
                columns: table => new
                {
                    Id = table.Column<string>(type: "text", nullable: false),
                    Bucket = table.Column<string>(type: "text", nullable: false),
                    Url = table.Column<string>(type: "text", nullable: false),
                    Body = table.Column<string>(type: "text", nullable: false),
                    Attempts = table.Column<int>(type: "integer", nullable: false),
                    NotBefore = table.Column<long>(type: "bigint", nullable: false),
                    CreatedAt = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_WebhookDeliveries", x => x.Id);
                });

            migrationBuilder.CreateIndex(
                name: "IX_DamagedBlobs_Bucket",
                table: "DamagedBlobs",
                column: "Bucket");

            migrationBuilder.CreateIndex(
                name: "IX_WebhookDeliveries_NotBefore",
                table: "WebhookDeliveries",
                column: "NotBefore");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "DamagedBlobs");

            migrationBuilder.DropTable(
                name: "ScrubPositions");

            migrationBuilder.DropTable(
                name: "SmallBlobs");

            migrationBuilder.DropTable(
                name: "WebhookDeliveries");
        }
    }
}
