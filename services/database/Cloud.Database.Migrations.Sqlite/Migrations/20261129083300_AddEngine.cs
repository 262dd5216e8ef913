using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.Database.Migrations.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class AddEngine : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<int>(
                name: "Engine",
                table: "databases",
                type: "INTEGER",
                nullable: false,
                defaultValue: 1);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "Engine",
                table: "databases");
        }
    }
}
