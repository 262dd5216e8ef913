using Cloud.Primitives;

namespace Cloud.ObjectStorage.S3;

/// <summary>S3's error codes, each with its HTTP status ("Error responses" of the Amazon S3 API reference).</summary>
internal sealed record S3Error(string Code, int Status, string Message)
{
    public static S3Error AccessControlListNotSupported { get; } = new(
        "AccessControlListNotSupported", 400, "The bucket does not allow ACLs.");
    public static S3Error AccessDenied { get; } = new("AccessDenied", 403, "Access Denied");
    public static S3Error AuthorizationHeaderMalformed { get; } = new(
        "AuthorizationHeaderMalformed", 400, "The authorization header is malformed.");
    public static S3Error AuthorizationQueryParametersError { get; } = new(
        "AuthorizationQueryParametersError", 403, "The query parameters of the signature are malformed.");
    public static S3Error BadDigest { get; } = new(
        "BadDigest", 400, "The Content-MD5 or checksum that you specified did not match what was received.");
    public static S3Error BucketAlreadyExists { get; } = new(
        "BucketAlreadyExists", 409, "The bucket name is taken: it is shared by all users of the cloud. Choose another.");
    public static S3Error BucketAlreadyOwnedByYou { get; } = new("BucketAlreadyOwnedByYou", 409, "The bucket exists and you own it.");
    public static S3Error BucketNotEmpty { get; } = new("BucketNotEmpty", 409, "The bucket you tried to delete is not empty.");
    public static S3Error EntityTooLarge { get; } = new(
        "EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed object size.");
    public static S3Error EntityTooSmall { get; } = new(
        "EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size.");
    public static S3Error ExpiredToken { get; } = new("ExpiredToken", 400, "The provided token has expired.");
    public static S3Error IllegalVersioning { get; } = new(
        "IllegalVersioningConfigurationException", 400, "The versioning configuration is invalid.");
    public static S3Error IncompleteBody { get; } = new(
        "IncompleteBody", 400, "You did not provide the number of bytes specified by the Content-Length HTTP header.");
    public static S3Error InsufficientCapacity { get; } = new("InsufficientCapacity", 507, "There is no room left on the disk.");
    public static S3Error InternalError { get; } = new("InternalError", 500, "We encountered an internal error. Please try again.");
    public static S3Error InvalidAccessKeyId { get; } = new(
        "InvalidAccessKeyId", 403, "The access key id you provided does not exist, or was revoked.");
    public static S3Error InvalidArgument { get; } = new("InvalidArgument", 400, "Invalid argument.");
    public static S3Error InvalidBucketName { get; } = new(
        "InvalidBucketName", 400, "A bucket's name has 3 to 63 characters of lower-case letters, digits, '-' and '.'.");
    public static S3Error InvalidBucketState { get; } = new(
        "InvalidBucketState", 409, "The request is not valid for the current state of the bucket.");
    public static S3Error InvalidDigest { get; } = new("InvalidDigest", 400, "The Content-MD5 you specified is not valid.");
    public static S3Error InvalidEncryptionAlgorithm { get; } = new(
        "InvalidEncryptionAlgorithmError", 400, "The encryption request that you specified is not valid. Supported value: AES256.");
    public static S3Error InvalidObjectState { get; } = new(
        "InvalidObjectState", 403,
        "The object's bytes are damaged or lost and are not served. Write it anew, restore it from a backup, or read another version.");
    public static S3Error InvalidPart { get; } = new(
        "InvalidPart", 400, "One or more of the specified parts could not be found, or its entity tag did not match.");
    public static S3Error InvalidPartOrder { get; } = new("InvalidPartOrder", 400, "The list of parts was not in ascending order.");
    public static S3Error InvalidRange { get; } = new("InvalidRange", 416, "The requested range is not satisfiable.");
    public static S3Error InvalidRequest { get; } = new("InvalidRequest", 400, "Invalid request.");
    public static S3Error InvalidTag { get; } = new("InvalidTag", 400, "The tag provided was not a valid tag.");
    public static S3Error InvalidTargetBucketForLogging { get; } = new(
        "InvalidTargetBucketForLogging", 400, "The target bucket for logging does not exist or is not owned by you.");
    public static S3Error InvalidUri { get; } = new("InvalidURI", 400, "The URI is not valid.");
    public static S3Error KeyTooLong { get; } = new("KeyTooLongError", 400, "Your key is too long: at most 1024 bytes of UTF-8.");
    public static S3Error MalformedAcl { get; } = new("MalformedACLError", 400, "The access control list is not well formed.");
    public static S3Error MalformedPolicy { get; } = new("MalformedPolicy", 400, "The policy is not well formed.");
    public static S3Error MalformedPost { get; } = new(
        "MalformedPOSTRequest", 400, "The body of your POST request is not well-formed multipart/form-data.");
    public static S3Error MalformedTrailer { get; } = new(
        "MalformedTrailerError", 400, "The request contained trailing data that was not well-formed.");
    public static S3Error MalformedXml { get; } = new(
        "MalformedXML", 400, "The XML you provided was not well-formed or did not validate against our published schema.");
    public static S3Error MaxMessageLengthExceeded { get; } = new("MaxMessageLengthExceeded", 400, "Your request was too big.");
    public static S3Error MetadataTooLarge { get; } = new("MetadataTooLarge", 400, "Your metadata headers exceed 2 KiB.");
    public static S3Error MethodNotAllowed { get; } = new(
        "MethodNotAllowed", 405, "The specified method is not allowed against this resource.");
    public static S3Error MissingContentLength { get; } = new(
        "MissingContentLength", 411, "You must provide the Content-Length HTTP header.");
    public static S3Error MissingSecurityHeader { get; } = new("MissingSecurityHeader", 400, "Your request was missing a required header.");
    public static S3Error NoSuchBucket { get; } = new("NoSuchBucket", 404, "The specified bucket does not exist");
    public static S3Error NoSuchBucketPolicy { get; } = new("NoSuchBucketPolicy", 404, "The bucket policy does not exist");
    public static S3Error NoSuchCors { get; } = new("NoSuchCORSConfiguration", 404, "The CORS configuration does not exist");
    public static S3Error NoSuchEncryption { get; } = new(
        "ServerSideEncryptionConfigurationNotFoundError", 404, "The server side encryption configuration was not found");
    public static S3Error NoSuchKey { get; } = new("NoSuchKey", 404, "The specified key does not exist.");
    public static S3Error NoSuchLifecycle { get; } = new("NoSuchLifecycleConfiguration", 404, "The lifecycle configuration does not exist");
    public static S3Error NoSuchObjectLock { get; } = new(
        "NoSuchObjectLockConfiguration", 404, "The specified object does not have an ObjectLock configuration");
    public static S3Error NoSuchOwnership { get; } = new(
        "OwnershipControlsNotFoundError", 404, "The bucket ownership controls were not found");
    public static S3Error NoSuchPublicAccessBlock { get; } = new(
        "NoSuchPublicAccessBlockConfiguration", 404, "The public access block configuration was not found");
    public static S3Error NoSuchTagSet { get; } = new("NoSuchTagSet", 404, "The TagSet does not exist");
    public static S3Error NoSuchUpload { get; } = new(
        "NoSuchUpload", 404, "The specified multipart upload does not exist. It may have been aborted or completed.");
    public static S3Error NoSuchVersion { get; } = new("NoSuchVersion", 404, "The specified version does not exist.");
    public static S3Error NoSuchWebsite { get; } = new(
        "NoSuchWebsiteConfiguration", 404, "The specified bucket does not have a website configuration");
    public static S3Error NotImplemented { get; } = new("NotImplemented", 501, "This operation is not implemented.");
    public static S3Error NotModified { get; } = new("NotModified", 304, "Not Modified");
    public static S3Error ObjectLockNotFound { get; } = new(
        "ObjectLockConfigurationNotFoundError", 404, "Object Lock configuration does not exist for this bucket");
    public static S3Error OperationAborted { get; } = new(
        "OperationAborted", 409, "A conflicting conditional operation is currently in progress against this resource. Try again.");
    public static S3Error PreconditionFailed { get; } = new(
        "PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold");
    public static S3Error QuotaExceeded { get; } = new("QuotaExceeded", 403, "The quota is used up.");
    public static S3Error RequestExpired { get; } = new("AccessDenied", 403, "Request has expired");
    public static S3Error RequestTimeTooSkewed { get; } = new(
        "RequestTimeTooSkewed", 403, "The difference between the request time and the server's time is too large.");
    public static S3Error ServiceUnavailable { get; } = new("ServiceUnavailable", 503, "Please try again.");
    public static S3Error SignatureDoesNotMatch { get; } = new(
        "SignatureDoesNotMatch", 403,
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.");
    public static S3Error UnresolvableGrant { get; } = new(
        "UnresolvableGrantByEmailAddress", 400, "Grantees are named by id or by group: nobody is known by that e-mail address.");
    public static S3Error XAmzContentSha256Mismatch { get; } = new(
        "XAmzContentSHA256Mismatch", 400, "The provided 'x-amz-content-sha256' header does not match what was computed.");

    /// <summary>The refusal to throw, with another message where one is given, and more elements of the error document.</summary>
    public S3Exception With(string? message = null, params (string Name, string Value)[] details) => new(this, message ?? Message, details);
}

/// <summary>A refusal in S3's words.</summary>
internal sealed class S3Exception(S3Error error, string message, IReadOnlyList<(string Name, string Value)> details) : Exception(message)
{
    public S3Error Error => error;

    public IReadOnlyList<(string Name, string Value)> Details => details;

    /// <summary>The same refusal for the REST API.</summary>
    public CloudException ToCloud() => new(
        error.Status switch
        {
            401 => ErrorKind.Unauthenticated,
            403 => ErrorKind.Forbidden,
            404 => ErrorKind.NotFound,
            409 => ErrorKind.Conflict,
            412 => ErrorKind.PreconditionFailed,
            503 or 507 => ErrorKind.Unavailable,
            _ => ErrorKind.Invalid,
        },
        System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName(error.Code),
        Message);
}
