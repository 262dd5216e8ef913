using System.Globalization;
using System.Net;
using Cloud.Gateway;
using Cloud.Gateway.Persistence;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Telemetry;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddCloudMessaging();
builder.AddGateway();
if (!TelemetrySetup.Exports(builder.Configuration))
{
    // It would make an activity and a scope of each call, which cost a proxied one a tenth of its time. CallTrace passes traces on.
    builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
}

if (string.IsNullOrEmpty(builder.Configuration[WebHostDefaults.ServerUrlsKey]))
{
    // A container says by ASPNETCORE_URLS where it listens; on a machine it is its loopback, and nothing else.
    builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
        IPAddress.Loopback, int.Parse(builder.Configuration["Cloud:HttpPort"]!, CultureInfo.InvariantCulture)));
}

var app = builder.Build();
await app.Services.MigrateCloudDatabaseAsync<GatewayDbContext>(CancellationToken.None);
app.UseGateway();
app.MapGateway();
await app.RunAsync();
