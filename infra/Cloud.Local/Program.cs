using System.Globalization;
using System.Net;
using Cloud.Backup;
using Cloud.Backup.Persistence;
using Cloud.BlockStorage;
using Cloud.BlockStorage.Persistence;
using Cloud.Compute;
using Cloud.Compute.Host;
using Cloud.Compute.Persistence;
using Cloud.Database;
using Cloud.Database.Persistence;
using Cloud.Gateway;
using Cloud.Gateway.Persistence;
using Cloud.Identity;
using Cloud.Identity.Persistence;
using Cloud.Messaging;
using Cloud.ObjectStorage;
using Cloud.ObjectStorage.Persistence;
using Cloud.Persistence;
using Cloud.ServiceDefaults;

// The whole cloud in one process: the gateway's pipeline in front, the endpoints of all services behind it.
var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
    IPAddress.Loopback, int.Parse(builder.Configuration["Cloud:HttpPort"]!, CultureInfo.InvariantCulture)));
builder.AddCloudMessaging();
builder.AddIdentity();
builder.AddCompute();
builder.AddComputeHost();
builder.AddObjectStorage();
builder.AddBlockStorage();
builder.AddDatabase();
builder.AddBackups();
builder.AddGateway();

var app = builder.Build();
await Task.WhenAll(
    app.Services.MigrateCloudDatabaseAsync<IdentityDbContext>(CancellationToken.None),
    app.Services.MigrateCloudDatabaseAsync<ComputeDbContext>(CancellationToken.None),
    app.Services.MigrateCloudDatabaseAsync<ObjectStorageDbContext>(CancellationToken.None),
    app.Services.MigrateCloudDatabaseAsync<BlockStorageDbContext>(CancellationToken.None),
    app.Services.MigrateCloudDatabaseAsync<DatabaseDbContext>(CancellationToken.None),
    app.Services.MigrateCloudDatabaseAsync<BackupDbContext>(CancellationToken.None),
    app.Services.MigrateCloudDatabaseAsync<GatewayDbContext>(CancellationToken.None));
app.UseGateway();
app.MapGateway();
app.MapIdentity();
app.MapCompute();
app.MapObjectStorage();
app.MapBlockStorage();
app.MapDatabase();
app.MapBackups();
await app.RunAsync();
