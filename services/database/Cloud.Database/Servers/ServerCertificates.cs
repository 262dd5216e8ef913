using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Cloud.Compute.Contracts;
using Cloud.Database.Databases;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Database.Servers;

/// <summary>The authority that signs the certificates of databases' servers. Its key never leaves <c>{Cloud:Data}/secrets</c>.</summary>
internal sealed class ServerCertificates(DatabaseOptions options, TimeProvider time)
{
    private static readonly TimeSpan AuthorityLife = TimeSpan.FromDays(3650);
    private static readonly TimeSpan ServerLife = TimeSpan.FromDays(1825);

    // Clocks differ.
    private static readonly TimeSpan Before = TimeSpan.FromDays(1);

    /// <summary>Where instances look for a name that they do not find.</summary>
    private const string NetworkDomain = "cloud.internal";

    private readonly Lock _turn = new();

    /// <summary>The authority's certificate, as a file that clients take (<c>sslrootcert</c>).</summary>
    public string AuthorityPath => Path.ChangeExtension(options.AuthorityFile, ".crt");

    /// <summary>The authority's certificate in PEM.</summary>
    public string AuthorityText()
    {
        using var authority = Authority();
        return authority.ExportCertificatePem() + "\n";
    }

    /// <summary>The authority's certificate, without its key.</summary>
    public X509Certificate2 AuthorityCertificate()
    {
        using var authority = Authority();
        return X509CertificateLoader.LoadCertificate(authority.RawData);
    }

    /// <summary>
    /// Writes a key, and a certificate for the addresses and names by which the database's server is reached; kept where they are.
    /// </summary>
    /// <returns>Whether there is another certificate now.</returns>
    public bool Write(ServerFolder folder, ManagedDatabase database)
    {
        var (certificateFile, keyFile) = (Path.Combine(folder.Certificates, "server.crt"), Path.Combine(folder.Certificates, "server.key"));
        var names = NamesOf(database);
        if (File.Exists(keyFile) && File.Exists(certificateFile) && IsFor(certificateFile, names))
        {
            return false;
        }

        Directory.CreateDirectory(folder.Certificates);
        using var authority = Authority();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        if (File.Exists(keyFile))
        {
            key.ImportFromPem(File.ReadAllText(keyFile));
        }
        else
        {
            PrivateFile.Replace(keyFile, key.ExportPkcs8PrivateKeyPem() + "\n");
        }

        ServerProcesses.Replace(certificateFile, Sign(authority, key, names, database));
        return true;
    }

    /// <summary>A new key, and a certificate for it, in PEM.</summary>
    public (string Certificate, string Key) Make(ManagedDatabase database)
    {
        using var authority = Authority();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return (Sign(authority, key, NamesOf(database), database), key.ExportPkcs8PrivateKeyPem() + "\n");
    }

    private string Sign(
        X509Certificate2 authority, ECDsa key, X509SubjectAlternativeNameExtension names, ManagedDatabase database)
    {
        var request = new CertificateRequest($"CN={database.Id.Value}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(names);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        var now = time.GetUtcNow();
        using var certificate = request.Create(authority, now - Before, now + ServerLife, RandomNumberGenerator.GetBytes(16));
        return certificate.ExportCertificatePem() + "\n";
    }

    private static X509SubjectAlternativeNameExtension NamesOf(ManagedDatabase database)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        names.AddDnsName(database.Id.Value);
        if (database.InternalAddress.Length > 0)
        {
            names.AddIpAddress(IPAddress.Parse(database.InternalAddress));
            foreach (var name in new[] { DatabaseNetwork.NameOf(database), $"{database.Id}.{ServiceAddresses.Domain}" })
            {
                names.AddDnsName(name);
                names.AddDnsName($"{name}.{NetworkDomain}");
            }
        }

        return new X509SubjectAlternativeNameExtension(names.Build().RawData);
    }

    /// <summary>False also of one that is not whole.</summary>
    private static bool IsFor(string certificateFile, X509SubjectAlternativeNameExtension names)
    {
        try
        {
            using var certificate = X509CertificateLoader.LoadCertificateFromFile(certificateFile);
            return certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().Any(
                one => one.RawData.AsSpan().SequenceEqual(names.RawData));
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private X509Certificate2 Authority()
    {
        lock (_turn)
        {
            var keyText = PrivateFile.ReadOrCreate(options.AuthorityFile, () =>
            {
                using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
                return made.ExportPkcs8PrivateKeyPem();
            });
            using var key = ECDsa.Create();
            key.ImportFromPem(keyText);
            if (!File.Exists(AuthorityPath))
            {
                var request = new CertificateRequest("CN=Cloud databases", key, HashAlgorithmName.SHA256);
                request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, true));
                request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
                var now = time.GetUtcNow();
                using var signed = request.CreateSelfSigned(now - Before, now + AuthorityLife);
                PrivateFile.Replace(AuthorityPath, signed.ExportCertificatePem() + "\n");
            }

            using var plain = X509Certificate2.CreateFromPem(File.ReadAllText(AuthorityPath));
            return plain.CopyWithPrivateKey(key);
        }
    }
}
