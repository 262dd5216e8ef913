using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.Backup.Migrations.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class AddRecoveryWindows : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<long>(
                name: "RestorableFrom",
                table: "RecoveryPoints",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "RestoresTo",
                table: "Jobs",
                type: "bigint",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "RestorableFrom",
                table: "RecoveryPoints");

            migrationBuilder.DropColumn(
                name: "RestoresTo",
                table: "Jobs");
        }
    }
}
