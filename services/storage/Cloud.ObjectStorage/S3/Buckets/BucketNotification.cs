using System.Security.Cryptography;
using System.Xml.Linq;
using Cloud.ObjectStorage.Buckets;
using Cloud.ObjectStorage.Notifications;
using Cloud.ServiceDefaults.Outbound;

namespace Cloud.ObjectStorage.S3.Buckets;

/// <summary>
/// <c>GetBucketNotificationConfiguration</c>, <c>PutBucketNotificationConfiguration</c>. A topic, queue or function is the URL of a
/// webhook, or <c>arn:cloud:bus</c>, the message bus; <c>EventBridgeConfiguration</c> sends everything there.
/// </summary>
internal static class BucketNotification
{
    private const int RulesMax = 100;
    private const int FilterLengthMax = 1024;

    /// <summary>The element, and the one in it that names the target.</summary>
    private static readonly (string Kind, string Target)[] Kinds =
        [("TopicConfiguration", "Topic"), ("QueueConfiguration", "Queue"), ("CloudFunctionConfiguration", "CloudFunction")];

    public static async Task GetAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:GetBucketNotification");
        var xml = new S3Xml().OpenRoot("NotificationConfiguration");
        foreach (var rule in bucket.Settings.Notifications?.Rules ?? [])
        {
            xml.Open(rule.Kind).Element("Id", rule.Id).Element(Kinds.First(kind => kind.Kind == rule.Kind).Target, rule.Target);
            foreach (var name in rule.Events)
            {
                xml.Element("Event", name);
            }

            if (rule.Prefix is not null || rule.Suffix is not null)
            {
                xml.Open("Filter").Open("S3Key");
                WriteFilter(xml, "prefix", rule.Prefix);
                WriteFilter(xml, "suffix", rule.Suffix);
                xml.Close("S3Key").Close("Filter");
            }

            xml.Close(rule.Kind);
        }

        if (bucket.Settings.Notifications?.ToBus == true)
        {
            xml.Open("EventBridgeConfiguration").Close("EventBridgeConfiguration");
        }

        await request.AnswerAsync(xml.Close("NotificationConfiguration"));
    }

    public static async Task PutAsync(S3Request request)
    {
        var bucket = await request.RequireBucketAsync("s3:PutBucketNotification");
        var document = await S3Body.ReadXmlAsync(request, "NotificationConfiguration");
        var rules = Kinds
            .SelectMany(kind => document.Children(kind.Kind).Select(element => Read(element, kind.Kind, kind.Target))).ToList();
        if (rules.Count > RulesMax)
        {
            throw S3Error.InvalidArgument.With($"There cannot be more than {RulesMax} notification rules.");
        }

        if (rules.DistinctBy(rule => rule.Id).Count() < rules.Count)
        {
            throw S3Error.InvalidArgument.With("Same ID used for multiple configurations. IDs must be unique", ("ArgumentName", "Id"));
        }

        var toBus = document.Child("EventBridgeConfiguration") is not null;
        var told = rules.Count == 0 && !toBus ? null : new NotificationRules { ToBus = toBus, Rules = rules };
        await BucketDocuments.SetAsync(request, bucket, settings => settings with { Notifications = told });
    }

    private static NotificationRule Read(XElement element, string kind, string target)
    {
        var to = element.RequireText(target);
        if (to != NotificationRule.Bus && !OutboundUrl.TryParse(to, out _))
        {
            throw S3Error.InvalidArgument.With(
                $"A notification goes to an http or https URL, or to {NotificationRule.Bus}.",
                ("ArgumentName", target), ("ArgumentValue", to));
        }

        var events = element.Children("Event").Select(child => child.Value).ToList();
        if (events.Count == 0 || events.Exists(name => !ObjectEvents.Known.Contains(name)))
        {
            throw S3Error.InvalidArgument.With("The event is not supported for notifications", ("ArgumentName", "Event"));
        }

        var filters = element.Child("Filter")?.Child("S3Key")?.Children("FilterRule").ToList() ?? [];
        return new NotificationRule(
            element.Text("Id") is { Length: > 0 and <= 255 } id ? id : Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8)),
            kind, to, events, Filter(filters, "prefix"), Filter(filters, "suffix"));
    }

    private static string? Filter(List<XElement> filters, string name)
    {
        if (filters.Exists(filter => filter.Text("Name")?.ToLowerInvariant() is not ("prefix" or "suffix")))
        {
            throw S3Error.InvalidArgument.With("filter rule name must be either prefix or suffix", ("ArgumentName", "FilterRule.Name"));
        }

        var values = filters.Where(filter => filter.Text("Name")!.Equals(name, StringComparison.OrdinalIgnoreCase)).ToList();
        return values.Count switch
        {
            0 => null,
            1 when values[0].RequireText("Value") is { Length: <= FilterLengthMax } value => value,
            _ => throw S3Error.InvalidArgument.With($"Cannot specify more than one {name} rule in a filter, or one so long."),
        };
    }

    private static void WriteFilter(S3Xml xml, string name, string? value)
    {
        if (value is not null)
        {
            xml.Open("FilterRule").Element("Name", name).Element("Value", value).Close("FilterRule");
        }
    }
}
