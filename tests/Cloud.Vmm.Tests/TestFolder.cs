using System.Diagnostics;
using System.Globalization;

namespace Cloud.Vmm.Tests;

/// <summary>A folder of a test's own. Whatever the test did, no process that works in it outlives it.</summary>
public sealed class TestFolder : IAsyncDisposable
{
    public TestFolder()
    {
        Path = Directory.CreateTempSubdirectory("cloud-vmm-").FullName;
    }

    public string Path { get; }

    public string Make(string name)
    {
        var path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(path);
        return path;
    }

    /// <summary>The processes whose present folder is in this one: machines start in theirs.</summary>
    public IReadOnlyList<int> Processes() => Directory.EnumerateDirectories("/proc")
        .Select(System.IO.Path.GetFileName)
        .Where(name => name!.All(char.IsAsciiDigit))
        .Select(name => int.Parse(name!, CultureInfo.InvariantCulture))
        .Where(id => WorksHere(id))
        .ToList();

    public async ValueTask DisposeAsync()
    {
        foreach (var id in Processes())
        {
            try
            {
                using var process = Process.GetProcessById(id);
                process.Kill();
                await process.WaitForExitAsync();
            }
            catch (ArgumentException)
            {
                // It has ended meanwhile.
            }
        }

        Directory.Delete(Path, recursive: true);
    }

    private bool WorksHere(int processId)
    {
        try
        {
            return new FileInfo($"/proc/{processId}/cwd").LinkTarget?.StartsWith(Path, StringComparison.Ordinal) == true;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
