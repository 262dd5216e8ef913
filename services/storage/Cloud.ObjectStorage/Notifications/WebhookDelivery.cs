namespace Cloud.ObjectStorage.Notifications;

/// <summary>Something that happened, to be told to a bucket's webhook; written with what happened.</summary>
internal sealed class WebhookDelivery
{
    /// <summary>Goes up with time; the receiver sees it, and may get it twice.</summary>
    public string Id { get; init; } = "";

    /// <summary>The bucket's id.</summary>
    public string Bucket { get; init; } = "";

    public string Url { get; init; } = "";

    /// <summary>The document that is sent, JSON.</summary>
    public string Body { get; init; } = "";

    public int Attempts { get; set; }

    /// <summary>UTC ticks of the next attempt.</summary>
    public long NotBefore { get; set; }

    /// <summary>UTC ticks.</summary>
    public long CreatedAt { get; init; }
}
