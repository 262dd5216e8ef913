using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.Backup.Migrations.Sqlite.Migrations
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
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "RestoresTo",
                table: "Jobs",
                type: "INTEGER",
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
