using System.Globalization;

namespace Cloud.Oci;

/// <summary>Whom a container's process runs as: numbers in the container (image-spec, config.md, "User").</summary>
public sealed record ImageUser(uint Uid, uint Gid, IReadOnlyList<uint> Groups, string Home)
{
    private const int FileBytesMax = 1 << 20;

    private static readonly ImageUser Root = new(0, 0, [], "/root");

    /// <summary>Finds names in the image's own files.</summary>
    /// <param name="user">As the image says it: empty, a name or a number, and a group after ':' or none.</param>
    /// <param name="layers">The folders of the image's layers, the topmost first.</param>
    /// <exception cref="OciException">The image has no such user or group.</exception>
    public static ImageUser Resolve(string user, IReadOnlyList<string> layers)
    {
        ArgumentNullException.ThrowIfNull(user);
        var parts = user.Split(':', 2);
        var users = Read(layers, "passwd");
        var groups = Read(layers, "group");
        var found = parts[0].Length == 0 ? Root : FindUser(parts[0], users, groups);
        return parts.Length == 1 ? found : found with { Gid = FindGroup(parts[1], groups), Groups = [] };
    }

    private static ImageUser FindUser(string name, List<string[]> users, List<string[]> groups)
    {
        var line = users.Find(fields => fields.Length >= 6 && (fields[0] == name || fields[2] == name));
        if (line is not null && Number(line[2]) is { } uid && Number(line[3]) is { } gid)
        {
            var more = groups.Where(fields => fields.Length >= 4 && fields[3].Split(',').Contains(line[0]))
                .Select(fields => Number(fields[2])).OfType<uint>().Where(group => group != gid).Distinct().ToList();
            return new ImageUser(uid, gid, more, line[5].StartsWith('/') ? line[5] : "/");
        }

        return Number(name) is { } number
            ? new ImageUser(number, 0, [], "/")
            : throw new OciException($"The image names the user '{name}', whom its /etc/passwd does not know.");
    }

    private static uint FindGroup(string name, List<string[]> groups) =>
        Number(name) ?? (groups.Find(fields => fields.Length >= 3 && fields[0] == name) is { } line && Number(line[2]) is { } gid
            ? gid
            : throw new OciException($"The image names the group '{name}', which its /etc/group does not know."));

    private static uint? Number(string text) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= ushort.MaxValue ? number : null;

    /// <summary>The lines of a file of /etc, from the topmost layer that has it as a plain file; a link is not followed.</summary>
    private static List<string[]> Read(IReadOnlyList<string> layers, string name)
    {
        foreach (var layer in layers)
        {
            var folder = new DirectoryInfo(Path.Combine(layer, "etc"));
            var file = new FileInfo(Path.Combine(folder.FullName, name));
            if (folder is { Exists: true, LinkTarget: null } && file is { Exists: true, LinkTarget: null }
                && file.Attributes.HasFlag(FileAttributes.Normal))
            {
                return file.Length <= FileBytesMax
                    ? File.ReadAllLines(file.FullName).Select(line => line.Split(':')).ToList()
                    : throw new OciException($"The image's /etc/{name} is too large.");
            }
        }

        return [];
    }
}
