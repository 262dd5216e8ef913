using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Cloud.ObjectStorage.S3.Access;

/// <summary>A condition of a statement: an operator, a key, and the values of which one must hold.</summary>
internal sealed class PolicyCondition
{
    private const string IfExists = "IfExists";
    private const string ForAll = "ForAllValues:";
    private const string ForAny = "ForAnyValue:";

    private static readonly Dictionary<string, Func<string, string, bool>> Operators = new(StringComparer.Ordinal)
    {
        ["StringEquals"] = (has, value) => has == value,
        ["StringEqualsIgnoreCase"] = (has, value) => has.Equals(value, StringComparison.OrdinalIgnoreCase),
        ["StringLike"] = (has, value) => Wildcard.Matches(value, has),
        ["ArnEquals"] = (has, value) => Wildcard.Matches(value, has),
        ["ArnLike"] = (has, value) => Wildcard.Matches(value, has),
        ["Bool"] = (has, value) => has.Equals(value, StringComparison.OrdinalIgnoreCase),
        ["NumericEquals"] = (has, value) => Compare(has, value, order => order == 0),
        ["NumericLessThan"] = (has, value) => Compare(has, value, order => order < 0),
        ["NumericLessThanEquals"] = (has, value) => Compare(has, value, order => order <= 0),
        ["NumericGreaterThan"] = (has, value) => Compare(has, value, order => order > 0),
        ["NumericGreaterThanEquals"] = (has, value) => Compare(has, value, order => order >= 0),
        ["DateEquals"] = (has, value) => CompareTimes(has, value, order => order == 0),
        ["DateLessThan"] = (has, value) => CompareTimes(has, value, order => order < 0),
        ["DateLessThanEquals"] = (has, value) => CompareTimes(has, value, order => order <= 0),
        ["DateGreaterThan"] = (has, value) => CompareTimes(has, value, order => order > 0),
        ["DateGreaterThanEquals"] = (has, value) => CompareTimes(has, value, order => order >= 0),
        ["IpAddress"] = (has, value) => IPAddress.TryParse(has, out var address) && TryReadNetwork(value, out var network)
            && network.Contains(address),
        ["Null"] = (_, _) => true,
    };

    private readonly string _operator;
    private readonly bool _negated;
    private readonly bool _ifExists;
    private readonly bool _forAll;
    private readonly string _key;
    private readonly List<string> _values;

    private PolicyCondition(string name, string key, List<string> values)
    {
        _forAll = name.StartsWith(ForAll, StringComparison.Ordinal);
        var rest = _forAll ? name[ForAll.Length..] : name.StartsWith(ForAny, StringComparison.Ordinal) ? name[ForAny.Length..] : name;
        _ifExists = rest.EndsWith(IfExists, StringComparison.Ordinal);
        rest = _ifExists ? rest[..^IfExists.Length] : rest;
        _negated = rest.Contains("Not", StringComparison.Ordinal) && rest != "Null";
        _operator = _negated ? rest.Replace("Not", "", StringComparison.Ordinal) : rest;
        if (!Operators.ContainsKey(_operator))
        {
            throw S3Error.MalformedPolicy.With($"Invalid Condition type : {name}");
        }

        _key = key.ToLowerInvariant();
        _values = values;
        if (_operator == "IpAddress" && values.Exists(value => !TryReadNetwork(value, out _)))
        {
            throw S3Error.MalformedPolicy.With("Conditions on IP addresses need addresses or networks such as 10.0.0.0/8.");
        }
    }

    /// <summary>It holds for some places only, so that who is allowed is not everybody.</summary>
    public bool Narrows => !_negated && _key is "aws:sourceip" or "aws:sourcearn" or "aws:userid" or "aws:principalarn"
        && !_values.Exists(value => value is "0.0.0.0/0" or "*" or "::/0");

    public static List<PolicyCondition> ParseAll(JsonElement conditions)
    {
        var all = new List<PolicyCondition>();
        foreach (var type in conditions.EnumerateObject())
        {
            foreach (var key in type.Value.EnumerateObject())
            {
                IEnumerable<JsonElement> values = key.Value.ValueKind == JsonValueKind.Array ? key.Value.EnumerateArray() : [key.Value];
                all.Add(new PolicyCondition(type.Name, key.Name, values.Select(Text).ToList()));
            }
        }

        return all;
    }

    public bool Holds(PolicyQuestion question)
    {
        var has = question.Values(_key);
        if (_operator == "Null")
        {
            return _values.Exists(value => value.Equals("true", StringComparison.OrdinalIgnoreCase)) == (has is null);
        }

        if (has is null)
        {
            return _ifExists || _forAll || _negated;
        }

        var matches = Operators[_operator];
        bool One(string value) => _values.Exists(wanted => matches(value, wanted)) != _negated;
        return _forAll ? has.All(One) : has.Any(One);
    }

    private static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        JsonValueKind.Number => value.GetRawText(),
        _ => throw S3Error.MalformedPolicy.With("A condition's value is a text, a number or a truth value."),
    };

    private static bool Compare(string has, string value, Func<int, bool> holds) =>
        decimal.TryParse(has, CultureInfo.InvariantCulture, out var one) && decimal.TryParse(value, CultureInfo.InvariantCulture,
            out var other)
        && holds(one.CompareTo(other));

    private static bool CompareTimes(string has, string value, Func<int, bool> holds) =>
        TryReadTime(has, out var one) && TryReadTime(value, out var other) && holds(one.CompareTo(other));

    private static bool TryReadTime(string text, out DateTimeOffset at)
    {
        if (long.TryParse(text, CultureInfo.InvariantCulture, out var seconds) && seconds is > 0 and < 253402300800)
        {
            at = DateTimeOffset.FromUnixTimeSeconds(seconds);
            return true;
        }

        return DateTimeOffset.TryParse(
            text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out at);
    }

    private static bool TryReadNetwork(string text, out IPNetwork network)
    {
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (!IPAddress.TryParse(slash < 0 ? text : text[..slash], out var address))
        {
            network = default;
            return false;
        }

        var bits = address.GetAddressBytes().Length * 8;
        if (slash >= 0 && (!int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var given)
            || given > bits))
        {
            network = default;
            return false;
        }

        var length = slash < 0 ? bits : int.Parse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture);
        var bytes = address.GetAddressBytes();
        for (var bit = length; bit < bits; bit++)
        {
            bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        }

        network = new IPNetwork(new IPAddress(bytes), length);
        return true;
    }
}
