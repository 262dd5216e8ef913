using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.Compute.Migrations.Sqlite.Migrations
{
    /// <inheritdoc />
    public partial class AddWarmStates : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<bool>(
                name: "WarmFailed",
                table: "Instances",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<string>(
                name: "WarmFrom",
                table: "Instances",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "WarmReason",
                table: "Instances",
                type: "TEXT",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "WarmStates",
                columns: table => new
                {
                    Id = table.Column<string>(type: "TEXT", nullable: false),
                    Image = table.Column<string>(type: "TEXT", nullable: false),
                    ImageName = table.Column<string>(type: "TEXT", nullable: false),
                    Type = table.Column<string>(type: "TEXT", nullable: false),
                    Vcpus = table.Column<int>(type: "INTEGER", nullable: false),
                    MemoryBytes = table.Column<long>(type: "INTEGER", nullable: false),
                    RootDiskBytes = table.Column<long>(type: "INTEGER", nullable: false),
                    Engine = table.Column<string>(type: "TEXT", nullable: false),
                    HostName = table.Column<string>(type: "TEXT", nullable: false),
                    Files = table.Column<string>(type: "TEXT", nullable: true),
                    StoredBytes = table.Column<long>(type: "INTEGER", nullable: false),
                    Status = table.Column<int>(type: "INTEGER", nullable: false),
                    StatusReason = table.Column<string>(type: "TEXT", nullable: true),
                    CreatedAt = table.Column<long>(type: "INTEGER", nullable: false),
                    UpdatedAt = table.Column<long>(type: "INTEGER", nullable: false),
                    Version = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_WarmStates", x => x.Id);
                });

            migrationBuilder.CreateIndex(
                name: "IX_WarmStates_Image",
                table: "WarmStates",
                column: "Image");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "WarmStates");

            migrationBuilder.DropColumn(
                name: "WarmFailed",
                table: "Instances");

            migrationBuilder.DropColumn(
                name: "WarmFrom",
                table: "Instances");

            migrationBuilder.DropColumn(
                name: "WarmReason",
                table: "Instances");
        }
    }
}
