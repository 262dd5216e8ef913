using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Cloud.Testing.Disks;

namespace Cloud.EndToEnd.Tests;

/// <summary>The qcow2 files of a cloud's hosts: what its volumes, snapshots and root disks are made of.</summary>
internal static class HostDisks
{
    private static readonly int NonceBytes = AesGcm.NonceByteSizes.MaxSize;
    private static readonly int TagBytes = AesGcm.TagByteSizes.MaxSize;

    /// <summary>Has each of them checked, also those that guests have open.</summary>
    public static async Task RequireWholeAsync(string data)
    {
        foreach (var host in Directory.GetDirectories(data, "host*"))
        {
            var keys = KeysOf(Path.Combine(host, "volumes"), Path.Combine(data, "secrets"));
            foreach (var folder in (string[])["volumes/files", "snapshots/layers", .. GuestsOf(host)])
            {
                foreach (var file in FilesOf(Path.Combine(host, folder)))
                {
                    await DiskChecks.RequireWholeAsync(file, keys.GetValueOrDefault(Path.GetFileName(file)));
                }
            }
        }
    }

    private static IEnumerable<string> GuestsOf(string host) =>
        Directory.GetDirectories(Path.Combine(host, "guests")).Select(guest => Path.GetRelativePath(host, guest));

    private static string[] FilesOf(string folder) => Directory.Exists(folder) ? Directory.GetFiles(folder, "*.qcow2") : [];

    /// <summary>The passphrases of encrypted files by their names, as the records have them: wrapped by the host's master key.</summary>
    private static Dictionary<string, string> KeysOf(string volumes, string secrets)
    {
        var keys = new Dictionary<string, string>(StringComparer.Ordinal);
        var records = new[] { "volumes", "snapshots" }.SelectMany(kind => Directory.GetFiles(Path.Combine(volumes, kind), "*.json"));
        foreach (var record in records)
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(record));
            foreach (var layer in json.RootElement.GetProperty("Layers").EnumerateArray())
            {
                if (layer.TryGetProperty("Key", out var key) && key.ValueKind == JsonValueKind.Object)
                {
                    keys[layer.GetProperty("Name").GetString()!] = Unwrap(key.GetProperty("Wrapped").GetString()!, secrets);
                }
            }
        }

        return keys;
    }

    private static string Unwrap(string text, string secrets)
    {
        var master = Convert.FromHexString(File.ReadLines(Path.Combine(secrets, "volumes.key")).First());
        var wrapped = Convert.FromBase64String(text.Split(':')[1]).AsSpan();
        var plain = new byte[wrapped.Length - NonceBytes - TagBytes];
        using var cipher = new AesGcm(master, TagBytes);
        cipher.Decrypt(wrapped[..NonceBytes], wrapped[(NonceBytes + TagBytes)..], wrapped.Slice(NonceBytes, TagBytes), plain);
        return Encoding.UTF8.GetString(plain);
    }
}
