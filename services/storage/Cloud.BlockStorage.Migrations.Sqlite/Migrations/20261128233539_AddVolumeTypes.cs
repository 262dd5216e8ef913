using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.BlockStorage.Migrations.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class AddVolumeTypes : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "BeforeRestore",
                table: "Volumes",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<bool>(
                name: "Encrypted",
                table: "Volumes",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<int>(
                name: "Format",
                table: "Volumes",
                type: "INTEGER",
                nullable: false,
                defaultValue: 1);

            migrationBuilder.AddColumn<string>(
                name: "Type",
                table: "Volumes",
                type: "TEXT",
                nullable: false,
                defaultValue: "standard");

            migrationBuilder.AddColumn<bool>(
                name: "Encrypted",
                table: "Snapshots",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "BeforeRestore",
                table: "Volumes");

            migrationBuilder.DropColumn(
                name: "Encrypted",
                table: "Volumes");

            migrationBuilder.DropColumn(
                name: "Format",
                table: "Volumes");

            migrationBuilder.DropColumn(
                name: "Type",
                table: "Volumes");

            migrationBuilder.DropColumn(
                name: "Encrypted",
                table: "Snapshots");
        }
    }
}
