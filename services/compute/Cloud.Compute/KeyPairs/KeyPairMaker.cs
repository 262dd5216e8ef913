using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Cloud.Compute.KeyPairs;

/// <summary>Makes an ECDSA P-256 pair: the public half as OpenSSH writes it (RFC 5656 §3.1), the private as PEM that ssh takes.</summary>
internal static class KeyPairMaker
{
    public static (PublicKey Public, string PrivatePem) Make(string comment)
    {
        using var ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = ecdsa.ExportParameters(includePrivateParameters: false).Q;
        using var blob = new MemoryStream();
        WriteString(blob, Encoding.ASCII.GetBytes("ecdsa-sha2-nistp256"));
        WriteString(blob, Encoding.ASCII.GetBytes("nistp256"));
        // An uncompressed point: 4, x, y (SEC 1 §2.3.3).
        WriteString(blob, [4, .. point.X!, .. point.Y!]);
        var line = $"ecdsa-sha2-nistp256 {Convert.ToBase64String(blob.ToArray())} {comment}";
        return PublicKey.TryParse(line, out var key)
            ? (key, ecdsa.ExportECPrivateKeyPem() + "\n")
            : throw new InvalidOperationException("A key that was just made does not parse.");
    }

    private static void WriteString(MemoryStream blob, byte[] bytes)
    {
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(length, (uint)bytes.Length);
        blob.Write(length);
        blob.Write(bytes);
    }
}
