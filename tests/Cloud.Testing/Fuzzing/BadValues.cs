using System.Text.Json.Nodes;

namespace Cloud.Testing.Fuzzing;

/// <summary>Values that no field expects, or that some field forgot to expect.</summary>
internal sealed class BadValues(Random random)
{
    private const int HugeLength = 100_000;
    private const int LongLength = 3_000;
    private const int RandomMax = 40;

    private static readonly string[] Fixed =
    [
        "", " ", "\t", "\n", "a\nb", "a\r\nX-Injected: 1", "\u0001", "\u001b[31m", "\u007f", "\u0085", "\u2028",
        "\u202e", "\ufeff", "\uffff",
        "é", "名前", "😀", "e\u0301\u0301\u0301", "İ", "ﬁ", "' OR 1=1 --", "\"; DROP TABLE x; --", "%", "%_", "\\",
        "../../etc/passwd", "/", "..", ".",
        "null", "undefined", "true", "NaN", "Infinity", "-1", "0", "1e400", "9223372036854775807", "9223372036854775808", "0x10", "1.5",
        "٣", "{}", "[]", "${jndi:ldap://x}", "{{7*7}}", "$(id)", "`id`", "<script>alert(1)</script>", "http://169.254.169.254/",
        "file:///etc/passwd",
        "i-00000000000000000000000000", "i-zzz", "vol-0123456789abcdefghjkmnpqrs", "2026-13-45T99:99:99Z", "99999-01-01T00:00:00Z", "P1Y",
        "2Gi", "-2Gi", "99999999999Ti",
    ];

    /// <summary>As text: for paths, queries and headers. NUL is sent by its own means.</summary>
    public IEnumerable<string> Texts() => [.. Fixed, new string('a', LongLength), Garbage()];

    /// <summary>As JSON, of every type.</summary>
    public IEnumerable<JsonNode?> Json()
    {
        foreach (var text in Fixed)
        {
            yield return JsonValue.Create(text);
        }

        yield return JsonValue.Create("a\0b");
        yield return JsonValue.Create("\0");
        yield return JsonValue.Create(new string('x', HugeLength));
        yield return JsonValue.Create(Garbage());
        yield return null;
        yield return JsonValue.Create(true);
        yield return JsonValue.Create(0);
        yield return JsonValue.Create(-1);
        yield return JsonValue.Create(int.MinValue);
        yield return JsonValue.Create(long.MaxValue);
        yield return JsonValue.Create(ulong.MaxValue);
        yield return JsonValue.Create(1.5);
        yield return JsonNode.Parse("1e400");
        yield return JsonNode.Parse("123456789012345678901234567890");
        yield return JsonNode.Parse("-0.0");
        yield return new JsonObject();
        yield return new JsonObject { ["a"] = new JsonObject { ["b"] = null } };
        yield return new JsonObject { [""] = "", ["\0"] = "\0", ["a=b\nc"] = "d" };
        yield return new JsonArray();
        yield return new JsonArray(null, null);
        yield return new JsonArray(1, "a", false, new JsonObject());
        yield return new JsonArray(new JsonArray(new JsonArray()));
        yield return new JsonArray(Enumerable.Range(0, 5000).Select(number => (JsonNode?)JsonValue.Create(number)).ToArray());
        yield return Deep(20);
        yield return Deep(60);
    }

    private static JsonArray Deep(int depth)
    {
        var root = new JsonArray();
        var inner = root;
        for (var level = 1; level < depth; level++)
        {
            var next = new JsonArray();
            inner.Add(next);
            inner = next;
        }

        return root;
    }

    /// <summary>Any characters but surrogates, which are none by themselves, and NUL.</summary>
    private string Garbage()
    {
        var text = new char[random.Next(1, RandomMax)];
        for (var at = 0; at < text.Length; at++)
        {
            text[at] = (char)random.Next(1, 0xd800);
        }

        return new string(text);
    }
}
