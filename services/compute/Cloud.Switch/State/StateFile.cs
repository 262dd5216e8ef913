using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Cloud.Switch.State;

/// <summary>
/// A file that is there whole, as it was or as it is written: written beside, renamed. Not synced: after a crash of the machine the host's
/// agent says all of it anew.
/// </summary>
internal static class StateFile
{
    public static void Write<T>(string path, T value, JsonTypeInfo<T> type)
    {
        var beside = path + ".new";
        using (var file = new FileStream(beside, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            JsonSerializer.Serialize(file, value, type);
        }

        File.Move(beside, path, overwrite: true);
    }
}
