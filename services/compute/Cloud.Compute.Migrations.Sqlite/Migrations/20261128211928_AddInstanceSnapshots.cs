using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Cloud.Compute.Migrations.Sqlite.Migrations
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
                type: "TEXT",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "InstanceSnapshots",
                columns: table => new
                {
                    Id = table.Column<string>(type: "TEXT", nullable: false),
                    Project = table.Column<string>(type: "TEXT", nullable: false),
                    Name = table.Column<string>(type: "TEXT", nullable: false),
                    LabelText = table.Column<string>(type: "TEXT", nullable: false),
                    Instance = table.Column<string>(type: "TEXT", nullable: false),
                    HostName = table.Column<string>(type: "TEXT", nullable: false),
                    StoredBytes = table.Column<long>(type: "INTEGER", nullable: false),
                    Status = table.Column<int>(type: "INTEGER", nullable: false),
                    StatusReason = table.Column<string>(type: "TEXT", nullable: true),
                    CreatedAt = table.Column<long>(type: "INTEGER", nullable: false),
                    UpdatedAt = table.Column<long>(type: "INTEGER", nullable: false),
                    Version = table.Column<long>(type: "INTEGER", nullable: false)
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
