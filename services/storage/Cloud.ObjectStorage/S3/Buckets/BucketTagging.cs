using System.Xml.Linq;

namespace Cloud.ObjectStorage.S3.Buckets;

/// <summary><c>GetBucketTagging</c>, <c>PutBucketTagging</c>, <c>DeleteBucketTagging</c>.</summary>
internal static class BucketTagging
{
    private const int TagsMax = 50;

    public static async Task GetAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:GetBucketTagging");
        var tags = bucket.Settings.Tags ?? throw S3Error.NoSuchTagSet.With(null, ("BucketName", bucket.Name));
        await request.AnswerAsync(TagSet.ToXml(tags));
    }

    public static async Task PutAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:PutBucketTagging");
        var tags = TagSet.FromXml(await S3Body.ReadXmlAsync(request, "Tagging"), TagsMax);
        await BucketDocuments.SetAsync(request, bucket, settings => settings with { Tags = tags }, StatusCodes.Status204NoContent);
    }

    public static Task DeleteAsync(S3Request request) =>
        BucketDocuments.RemoveAsync(request, "s3:PutBucketTagging", settings => settings with { Tags = null });
}

/// <summary>Tags of buckets and objects.</summary>
internal static class TagSet
{
    public const int ObjectTagsMax = 10;
    private const int KeyLengthMax = 128;
    private const int ValueLengthMax = 256;

    public static S3Xml ToXml(IReadOnlyDictionary<string, string> tags)
    {
        var xml = new S3Xml().OpenRoot("Tagging").Open("TagSet");
        foreach (var (key, value) in tags.OrderBy(tag => tag.Key, StringComparer.Ordinal))
        {
            xml.Open("Tag").Element("Key", key).Element("Value", value).Close("Tag");
        }

        return xml.Close("TagSet").Close("Tagging");
    }

    public static Dictionary<string, string> FromXml(XElement document, int max) => Checked(
        (document.Child("TagSet") ?? throw S3Error.MalformedXml.With()).Children("Tag")
            .Select(tag => new KeyValuePair<string, string>(tag.RequireText("Key"), tag.RequireText("Value"))),
        max);

    /// <summary>Of the header <c>x-amz-tagging</c>: as a query.</summary>
    public static Dictionary<string, string>? FromHeader(string? text) =>
        text is null ? null : Checked(S3Query.Parse(text).All, ObjectTagsMax);

    private static Dictionary<string, string> Checked(IEnumerable<KeyValuePair<string, string>> pairs, int max)
    {
        var tags = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in pairs)
        {
            if (key.Length is 0 or > KeyLengthMax || value.Length > ValueLengthMax || key.Any(char.IsControl) || value.Any(char.IsControl))
            {
                throw S3Error.InvalidTag.With("The TagKey or TagValue you have provided is invalid");
            }

            if (!tags.TryAdd(key, value))
            {
                throw S3Error.InvalidTag.With("Cannot provide multiple Tags with the same key");
            }
        }

        return tags.Count <= max ? tags : throw S3Error.InvalidTag.With($"There cannot be more than {max} tags.");
    }
}
