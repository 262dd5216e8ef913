using System.Diagnostics;
using Shouldly;

namespace Cloud.Testing.Disks;

/// <summary>Whether qcow2 files are whole, as <c>qemu-img check</c> tells: no table points astray, and no cluster is lost.</summary>
public static class DiskChecks
{
    private const string KeyId = "key";
    private const string InUse = "Is another process using the image";

    /// <summary>What qemu-img answers of a file whose only fault is clusters that nothing points to.</summary>
    private const int LeaksOnly = 3;

    /// <summary>Of a file that is being written the parts that are read may be of two moments.</summary>
    private const int LooksMax = 5;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// Fails where the file is damaged. Of one that a machine has open, which keeps its newest tables in memory, clusters may be without a
    /// use; a file that is gone by now is none of a disk's any more.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="passphrase">What opens it; null for a plain one.</param>
    public static async Task RequireWholeAsync(string path, string? passphrase = null)
    {
        for (var look = 1; ; look++)
        {
            var (code, said) = await CheckAsync(path, passphrase, inUse: false);
            var inUse = code != 0 && said.Contains(InUse, StringComparison.Ordinal);
            if (inUse)
            {
                (code, said) = await CheckAsync(path, passphrase, inUse: true);
            }

            if (code == 0 || (inUse && code == LeaksOnly) || !File.Exists(path))
            {
                return;
            }

            (inUse && look < LooksMax).ShouldBeTrue($"qemu-img check of {path} answered {code}: {said}");
            await Task.Delay(Look);
        }
    }

    private static async Task<(int Code, string Said)> CheckAsync(string path, string? passphrase, bool inUse)
    {
        string[] mode = inUse ? ["--force-share"] : [];
        string[] file = passphrase is null
            ? ["-f", "qcow2", path]
            : [
                "--object", $"secret,id={KeyId},data={passphrase}", "--image-opts",
                $"driver=qcow2,encrypt.format=luks,encrypt.key-secret={KeyId},file.filename={path}",
            ];
        using var program = Process.Start(new ProcessStartInfo("qemu-img", ["check", .. mode, .. file])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var complained = program.StandardError.ReadToEndAsync();
        var said = await program.StandardOutput.ReadToEndAsync() + await complained;
        await program.WaitForExitAsync();
        return (program.ExitCode, said);
    }
}
