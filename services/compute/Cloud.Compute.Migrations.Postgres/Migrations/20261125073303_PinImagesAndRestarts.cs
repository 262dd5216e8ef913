using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.Compute.Migrations.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class PinImagesAndRestarts : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "BootsFrom",
                table: "Instances",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "RestartAt",
                table: "Instances",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "RestartCount",
                table: "Instances",
                type: "integer",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<long>(
                name: "StartedAt",
                table: "Instances",
                type: "bigint",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "BootsFrom",
                table: "Instances");

            migrationBuilder.DropColumn(
                name: "RestartAt",
                table: "Instances");

            migrationBuilder.DropColumn(
                name: "RestartCount",
                table: "Instances");

            migrationBuilder.DropColumn(
                name: "StartedAt",
                table: "Instances");
        }
    }
}
