using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.Compute.Migrations.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class AddInstanceMigration : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "MigratesTo",
                table: "Instances",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "Migration",
                table: "Instances",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<bool>(
                name: "IsDrained",
                table: "Hosts",
                type: "boolean",
                nullable: false,
                defaultValue: false);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "MigratesTo",
                table: "Instances");

            migrationBuilder.DropColumn(
                name: "Migration",
                table: "Instances");

            migrationBuilder.DropColumn(
                name: "IsDrained",
                table: "Hosts");
        }
    }
}
