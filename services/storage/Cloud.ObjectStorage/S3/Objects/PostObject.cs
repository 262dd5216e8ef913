using System.Globalization;
using System.Text;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Index;
using Cloud.ObjectStorage.Notifications;
using Cloud.ObjectStorage.S3.Access;
using Cloud.ObjectStorage.S3.Buckets;
using Cloud.ObjectStorage.S3.Signing;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Cloud.ObjectStorage.S3.Objects;

/// <summary><c>POST</c> of a form to a bucket: an upload by a web page, by a policy that somebody signed for it.</summary>
internal static class PostObject
{
    private const int FieldBytesMax = 64 * 1024;
    private const int FieldsMax = 100;
    private const int BoundaryLengthMax = 128;

    public static async Task HandleAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync();
        var boundary = MediaTypeHeaderValue.TryParse(request.Header("Content-Type"), out var type)
            ? HeaderUtilities.RemoveQuotes(type.Boundary).Value
            : null;
        if (boundary is null or { Length: 0 or > BoundaryLengthMax })
        {
            throw S3Error.MalformedPost.With();
        }

        try
        {
            var reader = new MultipartReader(boundary, request.Http.Request.Body) { HeadersLengthLimit = 16 * 1024 };
            await ReadAsync(request, bucket, reader);
        }
        catch (Exception malformed) when (malformed is InvalidDataException or IOException and not BadHttpRequestException)
        {
            throw S3Error.MalformedPost.With();
        }
    }

    private static async Task ReadAsync(S3Request request, Bucket bucket, MultipartReader reader)
    {
        var form = new PostForm();
        while (await reader.ReadNextSectionAsync(request.Aborted) is { } section)
        {
            if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out var disposition)
                || HeaderUtilities.RemoveQuotes(disposition.Name).Value is not { Length: > 0 } name)
            {
                throw S3Error.MalformedPost.With();
            }

            if (name.Equals("file", StringComparison.OrdinalIgnoreCase))
            {
                form.FileName = Text(HeaderUtilities.RemoveQuotes(disposition.FileName).Value ?? "");
                await TakeAsync(request, bucket, form, section);
                return;
            }

            form.Add(name, await FieldAsync(request, section));
            if (form.Count > FieldsMax)
            {
                throw S3Error.MaxMessageLengthExceeded.With();
            }
        }

        throw S3Error.InvalidArgument.With("POST requires exactly one file upload per request.", ("ArgumentName", "file"));
    }

    private static async Task TakeAsync(S3Request request, Bucket bucket, PostForm form, MultipartSection section)
    {
        var key = form.Require("key").Replace("${filename}", form.FileName, StringComparison.Ordinal);
        if (key.Length == 0 || Encoding.UTF8.GetByteCount(key) > 1024 || key.Contains('\0', StringComparison.Ordinal))
        {
            throw S3Error.KeyTooLong.With();
        }

        var caller = await form.VerifyAsync(request);
        var limits = form.Check(bucket, key, request.Services.Time.GetUtcNow());
        var at = request.At(bucket.Name, key, VerifiedRequest.Anonymous with { Caller = caller });
        form.PutHeaders(at);
        var headers = NewObjectHeaders.Read(at, bucket);
        using var cipher = headers.Cipher;
        var attributes = headers.Attributes;
        if (form["tagging"] is { } tagging)
        {
            var document = S3Body.ParseXml(Encoding.UTF8.GetBytes(tagging), "Tagging");
            attributes = attributes with { Tags = TagSet.FromXml(document, TagSet.ObjectTagsMax) };
        }

        AccessRules.Require(
            at, bucket, new AccessQuestion("s3:PutObject", key, AclPermission.Write, bucket.Settings.Grants, NewTags: attributes.Tags));
        await using var file = new LimitedStream(section.Body, limits.Min, limits.Max);
        await using var body = PayloadStream.Of(file, null);
        form.Expect(body);
        var version = await request.Services.Objects.PutAsync(
            new NewObject
            {
                Bucket = bucket.Id.Value,
                Key = key,
                SizeBytes = 0,
                ETag = "",
                Owner = headers.Owner,
                Attributes = "",
                Retention = headers.Retention,
                RetainUntil = headers.RetainUntil,
                LegalHold = headers.LegalHold,
                Event = ObjectEvents.Created + "Post",
            },
            attributes, body, cipher, request.Aborted);
        await AnswerAsync(request, bucket, form, key, version.ETag, version.VersionId);
    }

    private static async Task AnswerAsync(S3Request request, Bucket bucket, PostForm form, string key, string etag, string versionId)
    {
        var response = request.Http.Response;
        var location = $"http://{request.Host}/{bucket.Name}/{S3Uri.Encode(key, keepSlash: true)}";
        response.Headers.ETag = $"\"{etag}\"";
        response.Headers.Location = location;
        ObjectHeaders.WriteVersion(request, bucket, versionId);
        if ((form["success_action_redirect"] ?? form["redirect"]) is { } redirect
            && Uri.TryCreate(redirect, UriKind.Absolute, out var target) && target.Scheme is "http" or "https"
                && redirect.All(char.IsAscii))
        {
            var query = $"bucket={bucket.Name}&key={S3Uri.Encode(key, false)}&etag={S3Uri.Encode($"\"{etag}\"", false)}";
            response.Headers.Location = $"{redirect}{(redirect.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{query}";
            await request.AnswerAsync(StatusCodes.Status303SeeOther);
            return;
        }

        if (form["success_action_status"] == "201")
        {
            await request.AnswerAsync(
                new S3Xml().Open("PostResponse").Element("Location", location).Element("Bucket", bucket.Name).Element("Key", key)
                    .Element("ETag", $"\"{etag}\"").Close("PostResponse"),
                StatusCodes.Status201Created);
            return;
        }

        await request.AnswerAsync(form["success_action_status"] == "200" ? StatusCodes.Status200OK : StatusCodes.Status204NoContent);
    }

    private static async Task<string> FieldAsync(S3Request request, MultipartSection section)
    {
        var bytes = new byte[FieldBytesMax + 1];
        var count = await section.Body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, request.Aborted);
        return count <= FieldBytesMax
            ? Encoding.UTF8.GetString(bytes, 0, count)
            : throw S3Error.MaxMessageLengthExceeded.With("A field of the form is too long.");
    }

    /// <summary>The name of a file on somebody's disk: what stands after the last slash of any kind.</summary>
    private static string Text(string fileName) => fileName[(fileName.LastIndexOfAny(['/', '\\']) + 1)..];

    /// <summary>Refuses a file that is longer or shorter than the policy allows.</summary>
    private sealed class LimitedStream(Stream file, long min, long max) : Stream
    {
        private long _read;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => _read;
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = await file.ReadAsync(buffer, cancellationToken);
            _read += count;
            if (_read > max)
            {
                throw S3Error.EntityTooLarge.With(null, ("MaxSizeAllowed", max.ToString(CultureInfo.InvariantCulture)));
            }

            return count > 0 || buffer.Length == 0 || _read >= min
                ? count
                : throw S3Error.EntityTooSmall.With(null, ("MinSizeAllowed", min.ToString(CultureInfo.InvariantCulture)));
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
