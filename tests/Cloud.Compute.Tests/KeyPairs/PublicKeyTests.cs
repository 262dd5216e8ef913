using System.Diagnostics;
using Cloud.Compute.KeyPairs;

namespace Cloud.Compute.Tests.KeyPairs;

/// <summary>Checked against ssh-keygen itself.</summary>
public sealed class PublicKeyTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-keys-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("ed25519")]
    [InlineData("rsa")]
    [InlineData("ecdsa")]
    public void KeyOfSshKeygen_IsTaken_WithItsFingerprint(string type)
    {
        var file = Path.Combine(_folder, type);
        Run("ssh-keygen", "-q", "-t", type, "-N", "", "-f", file);
        PublicKey.TryParse(File.ReadAllText(file + ".pub"), out var key).ShouldBeTrue();
        Run("ssh-keygen", "-lf", file + ".pub").ShouldContain(key!.Fingerprint);
    }

    [Fact]
    public void MadePair_IsWhatSshKeygenReads()
    {
        var (key, pem) = KeyPairMaker.Make("made");
        var file = Path.Combine(_folder, "made");
        File.WriteAllText(file, pem);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Run("ssh-keygen", "-y", "-f", file).Split(' ')[1].Trim().ShouldBe(key.Line.Split(' ')[1]);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("ssh-ed25519")]
    [InlineData("ssh-ed25519 AAAA")]
    [InlineData("ssh-ed25519 not-base64 me")]
    [InlineData("ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIEJx6tv me")]
    [InlineData("command=\"sh\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEJx6tv me")]
    public void NoKey_IsRefused(string? text) => PublicKey.TryParse(text, out _).ShouldBeFalse();

    [Fact]
    public void SecondLine_IsRefused()
    {
        var (key, _) = KeyPairMaker.Make("one");
        PublicKey.TryParse(key.Line + "\nssh-rsa AAAA two", out _).ShouldBeFalse();
    }

    private static string Run(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var said = process.StandardOutput.ReadToEnd();
        var complained = process.StandardError.ReadToEnd();
        process.WaitForExit();
        process.ExitCode.ShouldBe(0, complained);
        return said;
    }
}
