using System.Diagnostics;
using Cloud.Vmm.Oci;

namespace Cloud.Compute.Host.Containers;

/// <summary>
/// What a container has written, as a tar with all that overlayfs keeps beside names and bytes: user ids, attributes, the marks of what was
/// removed.
/// </summary>
internal static class ContainerFiles
{
    /// <summary>The file that says whose user ids those are, and the folder that has the files.</summary>
    private static readonly string[] Written = ["uids", "upper"];

    private static readonly string[] Faithful = ["--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "--sparse"];

    /// <returns>False of one that was never started.</returns>
    public static async Task<bool> PackAsync(string folder, string tar, CancellationToken ct)
    {
        var there = Written.Where(name => Path.Exists(Path.Combine(folder, name))).ToList();
        if (there.Count > 0)
        {
            await RunAsync(["--create", .. Faithful, $"--file={tar}", $"--directory={folder}", .. there], ct);
        }

        return there.Count > 0;
    }

    public static Task UnpackAsync(string tar, string folder, CancellationToken ct) => RunAsync(
        ["--extract", .. Faithful, "--same-owner", "--same-permissions", $"--file={tar}", $"--directory={folder}"], ct);

    private static async Task RunAsync(IReadOnlyList<string> arguments, CancellationToken ct)
    {
        var command = UserNamespace.Command(["tar", .. arguments]);
        using var program = Process.Start(new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardError = true,
            RedirectStandardInput = true,
        }) ?? throw new IOException("tar was not started.");
        program.StandardInput.Close();
        try
        {
            var said = await program.StandardError.ReadToEndAsync(ct);
            await program.WaitForExitAsync(ct);
            if (program.ExitCode != 0)
            {
                throw new IOException($"What the container has written could not be packed: {said.Trim()}");
            }
        }
        catch (OperationCanceledException)
        {
            program.Kill();
            throw;
        }
    }
}
