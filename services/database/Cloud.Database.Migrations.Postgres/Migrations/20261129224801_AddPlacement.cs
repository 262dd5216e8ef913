using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.Database.Migrations.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class AddPlacement : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<int>(
                name: "Placement",
                table: "databases",
                type: "integer",
                nullable: false,
                defaultValue: 1);

            migrationBuilder.AddColumn<string>(
                name: "PlacementReason",
                table: "databases",
                type: "text",
                nullable: false,
                defaultValue: "The server is an unprivileged process with a user, a folder and a port of its own; it shares the machine's kernel.");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "Placement",
                table: "databases");

            migrationBuilder.DropColumn(
                name: "PlacementReason",
                table: "databases");
        }
    }
}
