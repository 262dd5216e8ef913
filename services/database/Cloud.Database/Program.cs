using Cloud.Database;
using Cloud.Database.Persistence;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddCloudMessaging();
builder.AddDatabase();
var app = builder.Build();
await app.Services.MigrateCloudDatabaseAsync<DatabaseDbContext>(CancellationToken.None);
app.UseServiceDefaults();
app.UseAuthentication();
app.UseAuthorization();
app.MapServiceDefaults();
app.MapDatabase();
await app.RunAsync();
