using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Cloud.Database.Persistence;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Database.Databases;

/// <summary>Chooses what a new server has to itself: a port that none has, and a user's number.</summary>
internal static class DatabaseAddress
{
    private const int TriesMax = 200;

    /// <exception cref="CloudException">None is free.</exception>
    public static async Task<(int Port, int Uid)> ChooseAsync(DatabaseDbContext db, DatabaseOptions options, CancellationToken ct)
    {
        // A deleted one may come back to its address.
        var taken = await db.Databases.AsNoTracking().Where(row => row.Status != DatabaseStatus.Deleted || row.FinalBackup)
            .Select(row => new { row.Port, row.ServerUid }).ToListAsync(ct);
        var ports = taken.Select(row => row.Port).ToHashSet();
        var uids = taken.Select(row => row.ServerUid).ToHashSet();
        var uid = Enumerable.Range(0, TriesMax).Select(_ => options.ServerUidFirst + RandomNumberGenerator.GetInt32(options.ServerUidCount))
            .First(one => !uids.Contains(one));
        for (var tries = 0; tries < TriesMax; tries++)
        {
            var port = options.PortFirst + RandomNumberGenerator.GetInt32(options.PortCount);
            if (!ports.Contains(port) && IsFree(port))
            {
                return (port, uid);
            }
        }

        throw CloudException.Conflict("no-port", $"No port from {options.PortFirst} on is free for another database.");
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
