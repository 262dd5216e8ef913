using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Disks;

/// <summary>
/// The passphrases of encrypted files as QEMU's programs are given them: as arguments, encrypted by a key of this one run (the object
/// <c>secret</c> with <c>keyid</c>), which comes by the standard input.
/// </summary>
internal sealed class DiskSecrets
{
    private const string RunKeyId = "run";
    private const int RunKeyBytes = 32;

    private readonly string? _runKey;

    /// <param name="files">A disk's files, nearest first.</param>
    public DiskSecrets(IReadOnlyList<VmDiskLayer> files)
    {
        if (files.All(file => file.Key is null))
        {
            Arguments = [];
            return;
        }

        using var cipher = Aes.Create();
        cipher.Key = RandomNumberGenerator.GetBytes(RunKeyBytes);
        _runKey = Convert.ToBase64String(cipher.Key);
        List<string> arguments = ["--object", $"secret,id={RunKeyId},format=base64,file=/dev/stdin"];
        for (var at = 0; at < files.Count; at++)
        {
            if (files[at].Key is { } key)
            {
                var iv = RandomNumberGenerator.GetBytes(cipher.BlockSize / 8);
                var data = Convert.ToBase64String(cipher.EncryptCbc(Encoding.UTF8.GetBytes(key.Passphrase), iv));
                arguments.AddRange(
                [
                    "--object",
                    $"secret,id={IdOf(at)},keyid={RunKeyId},iv={Convert.ToBase64String(iv)},format=base64,data={data}",
                ]);
            }
        }

        Arguments = arguments;
    }

    public IReadOnlyList<string> Arguments { get; }

    /// <summary>The object that opens a file of a disk, by its place in the chain.</summary>
    public static string IdOf(int layer) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"key{layer}");

    /// <summary>Gives a program that was just started what it reads first.</summary>
    public static void Give(DiskSecrets secrets, Process program)
    {
        try
        {
            program.StandardInput.Write(secrets._runKey);
            program.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended already, and says itself why.
        }
    }
}
