using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.Database.Migrations.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class AddInternalAddress : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "InternalAddress",
                table: "databases",
                type: "TEXT",
                nullable: false,
                defaultValue: "");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "InternalAddress",
                table: "databases");
        }
    }
}
