using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.Backup.Migrations.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class AddPlanSelection : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "ResourceLabelText",
                table: "Plans",
                type: "text",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<int>(
                name: "StartWindowMinutes",
                table: "Plans",
                type: "integer",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "VerifyCommand",
                table: "Plans",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "NotBefore",
                table: "Jobs",
                type: "bigint",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "ResourceLabelText",
                table: "Plans");

            migrationBuilder.DropColumn(
                name: "StartWindowMinutes",
                table: "Plans");

            migrationBuilder.DropColumn(
                name: "VerifyCommand",
                table: "Plans");

            migrationBuilder.DropColumn(
                name: "NotBefore",
                table: "Jobs");
        }
    }
}
