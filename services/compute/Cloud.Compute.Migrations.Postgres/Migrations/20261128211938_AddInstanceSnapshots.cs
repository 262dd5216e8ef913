using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.Compute.Migrations.Postgres.Migrations
{
    /// <inheritdoc />
    public partial class AddInstanceSnapshots : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "ForkOf",
                table: "Instances",
                type: "text",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "InstanceSnapshots",
                columns: table => new
                {
                    Id = table.Column<string>(type: "text", nullable: false),
                    Project = table.Column<string>(type: "text", nullable: false),
                    Name = table.Column<string>(type: "text", nullable: false),
                    LabelText = table.Column<string>(type: "text", nullable: false),
                    Instance = table.Column<string>(type: "text", nullable: false),
                    HostName = table.Column<string>(type: "text", nullable: false),
                    StoredBytes = table.Column<long>(type: "bigint", nullable: false),
                    Status = table.Column<int>(type: "integer", nullable: false),
                    StatusReason = table.Column<string>(type: "text", nullable: true),
                    CreatedAt = table.Column<long>(type: "bigint", nullable: false),
                    UpdatedAt = table.Column<long>(type: "bigint", nullable: false),
                    Version = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_InstanceSnapshots", x => x.Id);
                });

            migrationBuilder.CreateIndex(
                name: "IX_InstanceSnapshots_Instance",
                table: "InstanceSnapshots",
                column: "Instance");

            migrationBuilder.CreateIndex(
                name: "IX_InstanceSnapshots_Project_Name",
                table: "InstanceSnapshots",
                columns: new[] { "Project", "Name" },
                unique: true,
                filter: "\"Status\" <> 4");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "InstanceSnapshots");

            migrationBuilder.DropColumn(
                name: "ForkOf",
                table: "Instances");
        }
    }
}
