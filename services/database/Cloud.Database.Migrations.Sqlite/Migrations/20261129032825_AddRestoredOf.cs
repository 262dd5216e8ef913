using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.Database.Migrations.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class AddRestoredOf : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "RestoredOf",
                table: "databases",
                type: "TEXT",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "RestoredOf",
                table: "databases");
        }
    }
}
