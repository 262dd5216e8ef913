using Cloud.Backup;
using Cloud.Backup.Persistence;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddCloudMessaging();
builder.AddBackups();
var app = builder.Build();
await app.Services.MigrateCloudDatabaseAsync<BackupDbContext>(CancellationToken.None);
app.UseServiceDefaults();
app.UseAuthentication();
app.UseAuthorization();
app.MapServiceDefaults();
app.MapBackups();
await app.RunAsync();
