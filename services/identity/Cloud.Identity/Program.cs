using Cloud.Identity;
using Cloud.Identity.Persistence;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddCloudMessaging();
builder.AddIdentity();
var app = builder.Build();
await app.Services.MigrateCloudDatabaseAsync<IdentityDbContext>(CancellationToken.None);
app.UseServiceDefaults();
app.UseAuthentication();
app.UseAuthorization();
app.MapServiceDefaults();
app.MapIdentity();
await app.RunAsync();
