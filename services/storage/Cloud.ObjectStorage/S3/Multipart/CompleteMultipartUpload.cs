using System.Security.Cryptography;
using System.Xml.Linq;
using Cloud.ObjectStorage.Blobs;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Notifications;
using Cloud.ObjectStorage.Objects;
using Cloud.ObjectStorage.S3.Access;
using Cloud.ObjectStorage.S3.Checksums;
using Cloud.ObjectStorage.S3.Objects;

namespace Cloud.ObjectStorage.S3.Multipart;

/// <summary><c>CompleteMultipartUpload</c>: the parts become an object where they lie; no byte is copied.</summary>
internal static class CompleteMultipartUpload
{
    /// <summary>5 MiB, of every part but the last.</summary>
    private const long PartBytesMin = 5L << 20;

    public static async Task HandleAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync();
        AccessRules.Require(request, bucket, new AccessQuestion("s3:PutObject", request.Key, AclPermission.Write, bucket.Settings.Grants));
        var document = await S3Body.ReadXmlAsync(request, "CompleteMultipartUpload", ofObject: true);
        var conditions = NewObjectHeaders.ReadConditions(request);
        MultipartUpload upload;
        try
        {
            upload = await UploadPart.RequireUploadAsync(request, bucket);
        }
        catch (S3Exception gone) when (gone.Error == S3Error.NoSuchUpload)
        {
            if (await CompletedBeforeAsync(request, bucket) is not { } before)
            {
                throw;
            }

            await AnswerAsync(request, bucket, before, ObjectAttributes.FromJson(before.Attributes));
            return;
        }

        var parts = await request.Services.Reads.ReadAsync(
            session => session.PartsAsync(upload.Id, 0, Part.NumberMax, request.Aborted), request.Aborted);
        var chosen = Choose(document, parts.ToDictionary(part => part.Number));
        RequireCustomerKey(request, ObjectAttributes.FromJson(upload.Attributes), chosen);
        var attributes = WithChecksum(request, ObjectAttributes.FromJson(upload.Attributes), chosen);
        var size = chosen.Sum(part => part.SizeBytes);
        if (size > BlobReceiver.ObjectBytesMax)
        {
            throw S3Error.EntityTooLarge.With();
        }

        if (request.Header("x-amz-mp-object-size") is { } said && said != size.ToString(System.Globalization.CultureInfo.InvariantCulture))
        {
            throw S3Error.InvalidRequest.With("The provided 'x-amz-mp-object-size' header does not match what was computed.");
        }

        var made = new NewObject
        {
            Bucket = bucket.Id.Value,
            Key = request.Key!,
            SizeBytes = size,
            ETag = ETagOf(chosen),
            Upload = upload.Id,
            Owner = upload.Owner,
            Attributes = attributes.ToJson(),
            Retention = upload.Retention,
            RetainUntil = upload.RetainUntil,
            LegalHold = upload.LegalHold,
            Conditions = conditions,
            Event = ObjectEvents.Created + "CompleteMultipartUpload",
        };
        var version = await request.Services.Writer.WriteAsync(index => index.CompleteUploadAsync(made, chosen), request.Aborted);
        await AnswerAsync(request, bucket, version, attributes);
    }

    /// <summary>The customer's key, where one is sent, and where S3 asks for it: of parts with checksums.</summary>
    private static void RequireCustomerKey(S3Request request, ObjectAttributes attributes, List<Part> chosen)
    {
        var customer = CustomerKey.Read(request);
        if (customer is not null
            || (attributes.Encryption?.CustomerKeyMd5 is not null && chosen.Exists(part => part.Checksums.Length > 0)))
        {
            request.Services.Keys.Open(attributes.Encryption, customer)?.Dispose();
        }
    }

    /// <summary>A client that did not get the answer asks again.</summary>
    private static async Task<ObjectVersion?> CompletedBeforeAsync(S3Request request, Bucket bucket) =>
        await request.Services.FindAsync(bucket, request.Key!, null, request.Aborted) is { } latest
        && latest.Upload == request.Query["uploadId"]
            ? latest
            : null;

    private static async Task AnswerAsync(S3Request request, Bucket bucket, ObjectVersion version, ObjectAttributes attributes)
    {
        ObjectHeaders.WriteNewVersion(request, version);
        ObjectHeaders.WriteEncryption(request.Http.Response.Headers, attributes.Encryption);
        var xml = new S3Xml().OpenRoot("CompleteMultipartUploadResult")
            .Element("Location", $"http://{request.Host}/{bucket.Name}/{S3Uri.Encode(request.Key!, keepSlash: true)}")
            .Element("Bucket", bucket.Name).Element("Key", request.Key!).Element("ETag", $"\"{version.ETag}\"");
        foreach (var (name, value) in attributes.Checksums ?? [])
        {
            xml.Element("Checksum" + name, value).Optional("ChecksumType", attributes.ChecksumType);
        }

        await request.AnswerAsync(xml.Close("CompleteMultipartUploadResult"));
    }

    private static List<Part> Choose(XElement document, Dictionary<int, Part> parts)
    {
        var chosen = new List<Part>();
        var elements = document.Children("Part").ToList();
        for (var at = 0; at < elements.Count; at++)
        {
            // A client that sent a part twice may name it twice: the later is meant.
            var element = elements[at];
            if (at + 1 < elements.Count && elements[at + 1].Text("PartNumber") == element.Text("PartNumber"))
            {
                continue;
            }

            var number = element.Number("PartNumber", 1, Part.NumberMax) ?? throw S3Error.MalformedXml.With();
            if (chosen.Count > 0 && number <= chosen[^1].Number)
            {
                throw S3Error.InvalidPartOrder.With();
            }

            var etag = element.RequireText("ETag").Trim().Trim('"');
            if (!parts.TryGetValue(number, out var part) || part.ETag != etag)
            {
                throw S3Error.InvalidPart.With(null, ("PartNumber", $"{number}"), ("ETag", etag));
            }

            foreach (var (name, value) in PartChecksums.Of(part))
            {
                if (element.Text("Checksum" + name) is { } said && said != value)
                {
                    throw S3Error.InvalidPart.With(null, ("PartNumber", $"{number}"));
                }
            }

            chosen.Add(part);
        }

        if (chosen.Count == 0)
        {
            throw S3Error.MalformedXml.With();
        }

        var small = chosen.Take(chosen.Count - 1).FirstOrDefault(part => part.SizeBytes < PartBytesMin);
        return small is null
            ? chosen
            : throw S3Error.EntityTooSmall.With(
                null, ("ETag", small.ETag), ("MinSizeAllowed", $"{PartBytesMin}"), ("PartNumber", $"{small.Number}"),
                ("ProposedSize", $"{small.SizeBytes}"));
    }

    /// <summary>The MD5 of the parts' MD5s, and how many there are.</summary>
    private static string ETagOf(List<Part> chosen)
    {
        using var md5 = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        foreach (var part in chosen)
        {
            md5.AppendData(Convert.FromHexString(part.ETag));
        }

        return $"{Convert.ToHexStringLower(md5.GetHashAndReset())}-{chosen.Count}";
    }

    private static ObjectAttributes WithChecksum(S3Request request, ObjectAttributes attributes, List<Part> chosen)
    {
        attributes = attributes with { PartsCount = chosen.Count };
        var algorithm = attributes.Checksums?.Keys.Select(ChecksumAlgorithm.Parse).FirstOrDefault();
        if (algorithm is null)
        {
            return attributes;
        }

        var values = chosen.Select(part => PartChecksums.Of(part).GetValueOrDefault(algorithm.Name)
            ?? throw S3Error.InvalidPart.With($"Part {part.Number} has no {algorithm.Name} checksum.")).ToList();
        string whole;
        if (attributes.ChecksumType == ChecksumTypes.FullObject)
        {
            whole = algorithm.Combine(values.Zip(chosen, (value, part) => (value, part.SizeBytes)));
        }
        else
        {
            using var checksum = algorithm.Start();
            foreach (var value in values)
            {
                checksum.Append(Convert.FromBase64String(value));
            }

            whole = $"{checksum.Value()}-{chosen.Count}";
        }

        if (request.Header(algorithm.Header) is { } said && said != whole && said != whole.Split('-')[0])
        {
            throw S3Error.BadDigest.With($"The {algorithm.Name} you specified did not match the calculated checksum.");
        }

        return attributes with { Checksums = new Dictionary<string, string> { [algorithm.Name] = whole } };
    }
}
