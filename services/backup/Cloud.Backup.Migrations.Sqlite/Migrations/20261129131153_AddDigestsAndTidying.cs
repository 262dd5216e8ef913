using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.Backup.Migrations.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class AddDigestsAndTidying : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "Digest",
                table: "RecoveryPoints",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<bool>(
                name: "IsForeign",
                table: "RecoveryPoints",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<bool>(
                name: "TidyDue",
                table: "Jobs",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);

            migrationBuilder.CreateIndex(
                name: "IX_Jobs_TidyDue",
                table: "Jobs",
                column: "TidyDue");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_Jobs_TidyDue",
                table: "Jobs");

            migrationBuilder.DropColumn(
                name: "Digest",
                table: "RecoveryPoints");

            migrationBuilder.DropColumn(
                name: "IsForeign",
                table: "RecoveryPoints");

            migrationBuilder.DropColumn(
                name: "TidyDue",
                table: "Jobs");
        }
    }
}
