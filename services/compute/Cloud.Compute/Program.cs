using Cloud.Compute;
using Cloud.Compute.Persistence;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddCloudMessaging();
builder.AddCompute();
var app = builder.Build();
await app.Services.MigrateCloudDatabaseAsync<ComputeDbContext>(CancellationToken.None);
app.UseServiceDefaults();
app.UseWebSockets();
app.UseAuthentication();
app.UseAuthorization();
app.MapServiceDefaults();
app.MapCompute();
await app.RunAsync();
