using System.Diagnostics;
using System.Globalization;
using Cloud.Compute.Host.Guests;
using Cloud.Primitives;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Disks;

/// <summary>Runs qemu-img. What a disk's header names is never opened.</summary>
internal static class QemuImg
{
    private const int SaidLengthMax = 300;
    private const int SectorBytes = 512;

    // Passphrases are random and as long as a key: no need to make each guess take long.
    private const int LuksIterationMilliseconds = 10;

    // qemu-img times its own rounds by the kernel's count of ticks, and gives up where none fell into them: the busier the host, the
    // likelier.
    private const string ClockStoodStill = "Unable to get accurate CPU usage";

    private const int LuksTriesMax = 10;

    /// <summary>Gives a finished file its name, once all of it is on the disk; both durable when this ends.</summary>
    public static void Keep(string beside, string path)
    {
        File.SetUnixFileMode(beside, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        using (var file = File.OpenHandle(beside, FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.FlushToDisk(file);
        }

        DurableFile.Rename(beside, path);
    }

    /// <summary>Makes an empty encrypted qcow2 file of the least size, durable when this answers.</summary>
    public static async Task CreateEncryptedAsync(VmDiskLayer file, CancellationToken ct)
    {
        var beside = file.Path + ".new";
        var secrets = new DiskSecrets([file]);
        for (var tries = 1; ; tries++)
        {
            try
            {
                await RunAsync(
                    [
                        "create", "-q", "-f", "qcow2", .. secrets.Arguments,
                        "-o", $"encrypt.format=luks,encrypt.key-secret={DiskSecrets.IdOf(0)},encrypt.iter-time={LuksIterationMilliseconds}",
                        beside, Bytes(SectorBytes),
                    ],
                    secrets, ct);
                break;
            }
            catch (CloudException failed)
                when (tries < LuksTriesMax && failed.InnerException!.Message.Contains(ClockStoodStill, StringComparison.Ordinal))
            {
                // The next one has other luck.
            }
        }

        Keep(beside, file.Path);
    }

    /// <summary>Grows one file, whatever it lies over.</summary>
    public static Task GrowAsync(VmDiskLayer file, long sizeBytes, CancellationToken ct)
    {
        var secrets = new DiskSecrets([file]);
        return RunAsync(
            ["resize", "-q", .. secrets.Arguments, $"json:{DiskChain.Of([file], readOnly: false).ToJsonString()}", Bytes(sizeBytes)],
            secrets, ct);
    }

    /// <summary>In whole sectors, as qemu-img wants it.</summary>
    private static string Bytes(long count) =>
        ((count + SectorBytes - 1) / SectorBytes * SectorBytes).ToString(CultureInfo.InvariantCulture);

    /// <exception cref="CloudException">It failed.</exception>
    private static async Task RunAsync(IReadOnlyList<string> arguments, DiskSecrets secrets, CancellationToken ct)
    {
        using var program = Process.Start(new ProcessStartInfo("qemu-img", arguments)
        {
            RedirectStandardError = true,
            RedirectStandardInput = true,
        }) ?? throw new InvalidOperationException("qemu-img was not started.");
        try
        {
            DiskSecrets.Give(secrets, program);
            var said = await program.StandardError.ReadToEndAsync(ct);
            await program.WaitForExitAsync(ct);
            if (program.ExitCode != 0)
            {
                throw new CloudException(
                    ErrorKind.Unavailable, "disk-failed", "A disk could not be made or grown on this host.",
                    new IOException(said.Length <= SaidLengthMax ? said.Trim() : said[..SaidLengthMax]));
            }
        }
        catch (OperationCanceledException)
        {
            program.Kill();
            throw;
        }
    }
}
