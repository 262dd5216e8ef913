using Cloud.BlockStorage;
using Cloud.BlockStorage.Persistence;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddCloudMessaging();
builder.AddBlockStorage();
var app = builder.Build();
await app.Services.MigrateCloudDatabaseAsync<BlockStorageDbContext>(CancellationToken.None);
app.UseServiceDefaults();
app.UseAuthentication();
app.UseAuthorization();
app.MapServiceDefaults();
app.MapBlockStorage();
await app.RunAsync();
