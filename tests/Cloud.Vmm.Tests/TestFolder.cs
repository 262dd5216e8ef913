using System.Diagnostics;
using System.Globalization;
using Cloud.Vmm.Oci;
using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Tests;

/// <summary>A folder of a test's own. Whatever the test did, no process that works in it outlives it.</summary>
public sealed class TestFolder : IAsyncDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(5);

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
        foreach (var container in Containers())
        {
            await EndAsync(container);
        }

        foreach (var id in Processes())
        {
            await KillAsync(id);
        }

        UserNamespace.Remove(Path);
    }

    /// <summary>What the OCI runtime keeps of containers in this folder: their processes work in a root of their own.</summary>
    private List<string> Containers() => Directory.EnumerateDirectories(Path)
        .Select(machine => System.IO.Path.Combine(machine, "runc"))
        .Where(Directory.Exists)
        .SelectMany(Directory.EnumerateDirectories)
        .ToList();

    /// <summary>The container's shim sees its end and ends too.</summary>
    private static async Task EndAsync(string container)
    {
        var (state, id) = (System.IO.Path.GetDirectoryName(container)!, System.IO.Path.GetFileName(container));
        string[] arguments = ["--root", state, "delete", "--force", id];
        using var runtime = Process.Start(new ProcessStartInfo("runc", arguments) { RedirectStandardError = true })!;
        await runtime.WaitForExitAsync();
    }

    /// <summary>A process that nobody waits for stays as a zombie of the suite, which is as good as gone.</summary>
    private static async Task KillAsync(int processId)
    {
        try
        {
            using var process = Process.GetProcessById(processId);
            process.Kill();
        }
        catch (ArgumentException)
        {
            // It has ended meanwhile.
        }

        while (ProcessStat.Read(processId) is { State: not 'Z' })
        {
            await Task.Delay(Look);
        }
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
