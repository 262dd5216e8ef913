using Cloud.Compute.Host;
using Cloud.ServiceDefaults;

var builder = WebApplication.CreateBuilder(args);
builder.AddServiceDefaults();
builder.AddComputeHost();
if (args is ["stop-guests"])
{
    return await StopGuests.RunAsync(builder);
}

builder.AddHostRegistrar();
var app = builder.Build();
app.UseServiceDefaults();
app.UseWebSockets();
app.UseAuthentication();
app.UseAuthorization();
app.MapComputeHost();
await app.RunAsync();
return 0;
