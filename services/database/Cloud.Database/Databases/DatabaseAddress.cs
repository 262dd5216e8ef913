using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Cloud.Compute.Contracts;
using Cloud.Database.Persistence;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Databases;

/// <summary>Chooses what a new server has to itself: a port that none has, an address, and a user's number.</summary>
internal static class DatabaseAddress
{
    private const int TriesMax = 200;

    /// <summary>In a transaction that is alone in choosing, until the row that has them is saved.</summary>
    /// <exception cref="CloudException">None is free.</exception>
    public static async Task<(int Port, string InternalAddress, int Uid)> ChooseAsync(
        DatabaseDbContext db, DatabaseOptions options, string project, CancellationToken ct)
    {
        // A deleted one may come back to its address.
        var taken = await db.Databases.AsNoTracking().Where(row => row.Status != DatabaseStatus.Deleted || row.FinalBackup)
            .Select(row => new { row.Port, row.ServerUid }).ToListAsync(ct);
        var ports = taken.Select(row => row.Port).ToHashSet();
        var uids = taken.Select(row => row.ServerUid).ToHashSet();
        var address = await ChooseInternalAsync(db, project, ct);
        var uid = Enumerable.Range(0, TriesMax).Select(_ => options.ServerUidFirst + RandomNumberGenerator.GetInt32(options.ServerUidCount))
            .First(one => !uids.Contains(one));
        for (var tries = 0; tries < TriesMax; tries++)
        {
            var port = options.PortFirst + RandomNumberGenerator.GetInt32(options.PortCount);
            if (!ports.Contains(port) && IsFree(port))
            {
                return (port, address, uid);
            }
        }

        throw CloudException.Conflict("no-port", $"No port from {options.PortFirst} on is free for another database.");
    }

    /// <summary>The lowest address in the project's network that none of its databases has.</summary>
    public static async Task<string> ChooseInternalAsync(DatabaseDbContext db, string project, CancellationToken ct)
    {
        var taken = await db.Databases.AsNoTracking()
            .Where(row => row.Project == project && (row.Status != DatabaseStatus.Deleted || row.FinalBackup))
            .Select(row => row.InternalAddress).ToHashSetAsync(ct);
        return Enumerable.Range(0, ServiceAddresses.Count).Select(ServiceAddresses.Of).FirstOrDefault(one => !taken.Contains(one))
            ?? throw CloudException.Conflict("no-address", "The project's network has no address left for another database.");
    }

    private static bool IsFree(int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
