using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.Compute.Migrations.Postgres.Migrations
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
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<string>(
                name: "WarmFrom",
                table: "Instances",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "WarmReason",
                table: "Instances",
                type: "text",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "WarmStates",
                columns: table => new
                {
                    Id = table.Column<string>(type: "text", nullable: false),
                    Image = table.Column<string>(type: "text", nullable: false),
                    ImageName = table.Column<string>(type: "text", nullable: false),
                    Type = table.Column<string>(type: "text", nullable: false),
                    Vcpus = table.Column<int>(type: "integer", nullable: false),
                    MemoryBytes = table.Column<long>(type: "bigint", nullable: false),
                    RootDiskBytes = table.Column<long>(type: "bigint", nullable: false),
                    Engine = table.Column<string>(type: "text", nullable: false),
                    HostName = table.Column<string>(type: "text", nullable: false),
                    Files = table.Column<string>(type: "text", nullable: true),
                    StoredBytes = table.Column<long>(type: "bigint", nullable: false),
                    Status = table.Column<int>(type: "integer", nullable: false),
                    StatusReason = table.Column<string>(type: "text", nullable: true),
                    CreatedAt = table.Column<long>(type: "bigint", nullable: false),
                    UpdatedAt = table.Column<long>(type: "bigint", nullable: false),
                    Version = table.Column<long>(type: "bigint", nullable: false)
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
