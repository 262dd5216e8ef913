using System.Security.Cryptography;
using System.Xml;
using System.Xml.Linq;

namespace Cloud.ObjectStorage.S3;

/// <summary>Reads the documents that requests carry: bounded, with no entities and nothing fetched from elsewhere.</summary>
internal static class S3Body
{
    /// <summary>A thousand keys of 1024 bytes, escaped; ten thousand parts.</summary>
    private const int XmlBytesMax = 8 * 1024 * 1024;

    private const int DepthMax = 16;

    /// <summary>The body, verified against what the request says of it.</summary>
    /// <exception cref="S3Exception">It is longer than allowed, or not what was signed.</exception>
    public static async Task<byte[]> ReadAsync(S3Request request, int bytesMax, bool ofObject = false)
    {
        await using var body = request.OpenBody(ofObject: ofObject);
        if (body.Length > bytesMax)
        {
            throw S3Error.MaxMessageLengthExceeded.With();
        }

        using var read = new MemoryStream();
        var buffer = new byte[16 * 1024];
        int count;
        while ((count = await body.ReadAsync(buffer, request.Aborted)) > 0)
        {
            if (read.Length + count > bytesMax)
            {
                throw S3Error.MaxMessageLengthExceeded.With();
            }

            read.Write(buffer, 0, count);
        }

        body.Verify();
        return read.ToArray();
    }

    /// <summary>The outermost element.</summary>
    /// <exception cref="S3Exception">It is no XML, or another document.</exception>
    public static async Task<XElement> ReadXmlAsync(S3Request request, string root, bool ofObject = false) =>
        ParseXml(await ReadAsync(request, XmlBytesMax, ofObject), root);

    /// <exception cref="S3Exception">It is no XML, or another document.</exception>
    public static XElement ParseXml(byte[] bytes, string root)
    {
        var settings = new XmlReaderSettings
        {
            DtdProcessing = DtdProcessing.Prohibit,
            XmlResolver = null,
            MaxCharactersInDocument = XmlBytesMax,
            IgnoreComments = true,
            IgnoreProcessingInstructions = true,
            CheckCharacters = false,
        };
        try
        {
            using (var check = XmlReader.Create(new MemoryStream(bytes), settings))
            {
                while (check.Read())
                {
                    if (check.Depth > DepthMax)
                    {
                        throw S3Error.MalformedXml.With();
                    }
                }
            }

            using var reader = XmlReader.Create(new MemoryStream(bytes), settings);
            var document = XDocument.Load(reader);
            return document.Root is { } element && element.Name.LocalName == root ? element : throw S3Error.MalformedXml.With();
        }
        catch (Exception malformed) when (malformed is XmlException or ArgumentException or InvalidOperationException)
        {
            throw S3Error.MalformedXml.With();
        }
    }

    /// <summary>By local name, as clients differ in whether they name the namespace.</summary>
    public static IEnumerable<XElement> Children(this XElement element, string name) =>
        element.Elements().Where(child => child.Name.LocalName == name);

    public static XElement? Child(this XElement element, string name) => element.Children(name).FirstOrDefault();

    public static string? Text(this XElement element, string name) => element.Child(name)?.Value;

    /// <exception cref="S3Exception">It is not there.</exception>
    public static string RequireText(this XElement element, string name) => element.Text(name) ?? throw S3Error.MalformedXml.With();

    /// <returns>Null where it is not there.</returns>
    /// <exception cref="S3Exception">It is no such number.</exception>
    public static int? Number(this XElement element, string name, int min, int max) => element.Text(name)?.Trim() is not { } text
        ? null
        : int.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var number) && number >= min && number <= max
            ? number
            : throw S3Error.InvalidArgument.With($"{name} must be a number from {min} to {max}.");

    /// <summary>Base64 of an MD5; null where there is none.</summary>
    /// <exception cref="S3Exception">It is of another form.</exception>
    public static byte[]? ContentMd5(S3Request request)
    {
        if (!request.Headers.TryGetValue("Content-MD5", out var text))
        {
            return null;
        }

        var digest = new byte[MD5.HashSizeInBytes];
        return Convert.TryFromBase64String(text.ToString(), digest, out var written) && written == digest.Length
            ? digest
            : throw S3Error.InvalidDigest.With();
    }
}
