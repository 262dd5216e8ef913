using Cloud.Compute.Contracts;
using Cloud.Compute.Persistence;
using Cloud.Messaging;

namespace Cloud.Compute.Networks;

/// <summary>Keeps what was said of a server that instances reach; <see cref="NetworkServices"/> has the hosts told.</summary>
internal sealed class SetNetworkServiceHandler(NetworkServices services) : IMessageHandler<ComputeDbContext, SetNetworkService>
{
    public async Task HandleAsync(SetNetworkService message, ComputeDbContext db, CancellationToken ct)
    {
        var known = await db.NetworkServices.FindAsync([message.Id], ct);
        if (known is null)
        {
            db.NetworkServices.Add(known = NetworkService.Create(message.Id));
        }

        known.Take(message);
        services.Expect();
    }
}
