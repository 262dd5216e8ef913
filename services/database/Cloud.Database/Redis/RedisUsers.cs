using System.Security.Cryptography;
using System.Text;
using Cloud.Database.Databases;
using Cloud.Database.Servers;

namespace Cloud.Database.Redis;

/// <summary>
/// The users of a Redis server, as lines of its file of users (redis.io, "ACL"). Passwords are in it as their SHA-256. Users do all that
/// reaches data, and nothing that reaches files, other servers, modules, settings or other users.
/// </summary>
internal static class RedisUsers
{
    /// <summary>What a user may do.</summary>
    public static readonly IReadOnlyList<string> Rights =
    [
        "~*", "&*", "+@all", "-@admin", "-@dangerous", "+flushall", "+flushdb", "+keys", "+info", "+sort", "+sort_ro", "+restore", "+role",
        "+swapdb",
    ];

    public static string HashOf(string password) => "#" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(password)));

    /// <summary>The lines of the users that every server has: nobody, the service's own, the owner.</summary>
    public static IReadOnlyList<string> OwnOf(string adminPassword, string ownerPassword) =>
    [
        "user default off resetchannels -@all",
        $"user {ServerSettings.Admin} on {HashOf(adminPassword)} ~* &* +@all",
        LineOf(ManagedDatabase.OwnerName, ownerPassword),
    ];

    /// <summary>Writes the file: the service's own user, the owner, and of a file that was there all others.</summary>
    public static void Write(ServerFolder folder, string adminPassword, string ownerPassword)
    {
        List<string> lines = [.. OwnOf(adminPassword, ownerPassword)];
        if (File.Exists(folder.RedisUsers))
        {
            string[] own = ["default", ServerSettings.Admin, ManagedDatabase.OwnerName];
            lines.AddRange(File.ReadAllLines(folder.RedisUsers)
                .Where(line => line.Split(' ') is ["user", var name, ..] && !own.Contains(name)));
        }

        File.WriteAllLines(folder.RedisUsers, lines);
    }

    private static string LineOf(string name, string password) => $"user {name} on {HashOf(password)} {string.Join(' ', Rights)}";
}
