using Cloud.Messaging;
using Cloud.ObjectStorage;
using Cloud.ObjectStorage.Persistence;
using Cloud.Persistence;
using Cloud.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddCloudMessaging();
builder.AddObjectStorage();
var app = builder.Build();
await app.Services.MigrateCloudDatabaseAsync<ObjectStorageDbContext>(CancellationToken.None);
app.UseServiceDefaults();
app.UseAuthentication();
app.UseAuthorization();
app.MapServiceDefaults();
app.MapObjectStorage();
await app.RunAsync();
