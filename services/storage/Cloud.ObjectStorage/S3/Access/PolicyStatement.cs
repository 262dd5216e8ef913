using System.Text.Json;

namespace Cloud.ObjectStorage.S3.Access;

/// <summary>One statement: who may, or may not, do what to which resource, if what holds.</summary>
internal sealed class PolicyStatement
{
    private const string Arn = "arn:aws:s3:::";
    private const string UserArn = "arn:aws:iam::";

    private static readonly string[] Elements =
        ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

    private readonly List<string> _principals;
    private readonly bool _notPrincipals;
    private readonly List<string> _actions;
    private readonly bool _notActions;
    private readonly List<string> _resources;
    private readonly bool _notResources;
    private readonly List<PolicyCondition> _conditions;

    private PolicyStatement(JsonElement statement)
    {
        Allows = statement.GetProperty("Effect").GetString() == "Allow";
        _notPrincipals = statement.TryGetProperty("NotPrincipal", out var principals);
        _principals = Principals(_notPrincipals ? principals : statement.GetProperty("Principal"));
        _notActions = statement.TryGetProperty("NotAction", out var actions);
        _actions = Texts(_notActions ? actions : statement.GetProperty("Action"));
        _notResources = statement.TryGetProperty("NotResource", out var resources);
        _resources = Texts(_notResources ? resources : statement.GetProperty("Resource"));
        _conditions = statement.TryGetProperty("Condition", out var conditions) ? PolicyCondition.ParseAll(conditions) : [];
    }

    public bool Allows { get; }

    /// <summary>Anybody is allowed something; a condition on where one comes from makes it less than public.</summary>
    public bool IsPublic => Allows && (_notPrincipals || _principals.Contains("*"))
        && !_conditions.Exists(condition => condition.Narrows);

    /// <exception cref="S3Exception">It is no statement, or speaks of another bucket.</exception>
    public static PolicyStatement Parse(JsonElement statement, string bucket)
    {
        if (statement.ValueKind != JsonValueKind.Object)
        {
            throw S3Error.MalformedPolicy.With();
        }

        foreach (var element in statement.EnumerateObject())
        {
            if (!Elements.Contains(element.Name))
            {
                throw S3Error.MalformedPolicy.With($"Unknown field {element.Name}");
            }
        }

        foreach (var (one, other) in new[] { ("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource") })
        {
            if (statement.TryGetProperty(one, out _) == statement.TryGetProperty(other, out _))
            {
                throw S3Error.MalformedPolicy.With($"A statement has either {one} or {other}.");
            }
        }

        if (!statement.TryGetProperty("Effect", out var effect) || effect.GetString() is not ("Allow" or "Deny"))
        {
            throw S3Error.MalformedPolicy.With("Invalid effect: expected Allow or Deny.");
        }

        var parsed = new PolicyStatement(statement);
        if (parsed.Allows && parsed._notPrincipals)
        {
            throw S3Error.MalformedPolicy.With("Allow with NotPrincipal is not allowed: it would open the bucket to everybody else.");
        }

        if (parsed._actions.Exists(action => action != "*" && !action.StartsWith("s3:", StringComparison.OrdinalIgnoreCase)))
        {
            throw S3Error.MalformedPolicy.With("Policy has invalid action");
        }

        if (parsed._resources.Exists(resource => !IsOf(bucket, resource)))
        {
            throw S3Error.MalformedPolicy.With("Policy has invalid resource");
        }

        return parsed;
    }

    public bool Applies(PolicyQuestion question) =>
        _principals.Exists(principal => Names(principal, question.Caller)) != _notPrincipals
        && _actions.Exists(action => Wildcard.Matches(action, question.Action, ignoreCase: true)) != _notActions
        && _resources.Exists(resource => Wildcard.Matches(resource, question.Resource)) != _notResources
        && _conditions.TrueForAll(condition => condition.Holds(question));

    private static bool IsOf(string bucket, string resource) =>
        resource.StartsWith(Arn, StringComparison.Ordinal)
        && (resource[Arn.Length..].Split('/')[0] is var name && (name == bucket || Wildcard.Matches(name, bucket)));

    /// <summary>A project by its id, as an account's id stands in AWS; a user by theirs.</summary>
    private static bool Names(string principal, Principal caller) => caller.IsService
        ? principal == caller.Subject
        : principal == "*" || (!caller.IsAnonymous && (principal == caller.Project || principal == caller.Subject
            || principal == $"{UserArn}{caller.Project}:root" || principal == $"{UserArn}{caller.Project}:user/{caller.Subject}"
            || principal == $"{UserArn}:user/{caller.Subject}"));

    private static List<string> Principals(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            return element.GetString() == "*" ? ["*"] : throw S3Error.MalformedPolicy.With("Invalid principal in policy");
        }

        var all = new List<string>();
        foreach (var kind in element.EnumerateObject())
        {
            all.AddRange(kind.Name switch
            {
                "AWS" or "CanonicalUser" => Texts(kind.Value),
                "Service" => Texts(kind.Value).Select(service => Principal.ServicePrefix + service),
                _ => throw S3Error.MalformedPolicy.With(
                    "Invalid principal in policy: expected \"AWS\", \"CanonicalUser\" or \"Service\"."),
            });
        }

        return all;
    }

    private static List<string> Texts(JsonElement element)
    {
        IEnumerable<JsonElement> all = element.ValueKind == JsonValueKind.Array ? element.EnumerateArray() : [element];
        var texts = all.Select(one => one.GetString() ?? throw S3Error.MalformedPolicy.With()).ToList();
        return texts.Count > 0 ? texts : throw S3Error.MalformedPolicy.With("A list in a policy is empty.");
    }
}

/// <summary>Patterns with '*' for any text and '?' for one character.</summary>
internal static class Wildcard
{
    /// <summary>In a time of at most the product of the lengths.</summary>
    public static bool Matches(string pattern, string text, bool ignoreCase = false)
    {
        int p = 0, t = 0, star = -1, mark = 0;
        while (t < text.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                star = p++;
                mark = t;
            }
            else if (p < pattern.Length && (pattern[p] == '?' || pattern[p] == text[t]
                || (ignoreCase && char.ToLowerInvariant(pattern[p]) == char.ToLowerInvariant(text[t]))))
            {
                p++;
                t++;
            }
            else if (star >= 0)
            {
                p = star + 1;
                t = ++mark;
            }
            else
            {
                return false;
            }
        }

        while (p < pattern.Length && pattern[p] == '*')
        {
            p++;
        }

        return p == pattern.Length;
    }
}
