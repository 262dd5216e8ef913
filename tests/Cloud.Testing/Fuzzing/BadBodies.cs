using System.Text;

namespace Cloud.Testing.Fuzzing;

/// <summary>Whole bodies that are no request, and content types that none has.</summary>
internal static class BadBodies
{
    private const int DeepLevels = 100_000;

    /// <summary>Bytes that are sent as application/json.</summary>
    public static IEnumerable<byte[]> Bytes(string valid)
    {
        yield return [];
        yield return Encoding.UTF8.GetBytes(valid[..(valid.Length / 2)]);
        yield return Encoding.UTF8.GetBytes(valid + valid);
        yield return Encoding.UTF8.GetBytes(valid + "x");
        yield return [0xef, 0xbb, 0xbf, .. Encoding.UTF8.GetBytes(valid)];
        yield return Encoding.Unicode.GetBytes(valid);
        yield return [0xff, 0xfe, 0x00, 0x80];
        yield return [0x00];
        foreach (var text in new[]
        {
            "null", "true", "0", "\"text\"", "[]", "[{}]", "{}", "{", "}", "{]", "{\"a\":}", "{\"name\":\"a\",\"name\":\"b\"}",
            "{\"a\":1,}", "// comment\n{}",
            "{\"name\":\"\\ud800\"}", "{\"\\ud800\":1}", "{\"name\":\"\\u0000\"}", "{\"name\":\"\u0001\"}", "{\"name\":'a'}", "{name:1}",
            "NaN", "{\"$id\":\"1\",\"$type\":\"System.Object\"}",
            "{\"__proto__\":{}}", "{\"\":\"\"}", "{\"a\":1e99999}", "{\"a\":" + new string('9', 5000) + "}",
        })
        {
            yield return Encoding.UTF8.GetBytes(text);
        }

        yield return Encoding.UTF8.GetBytes(new string('[', DeepLevels));
        yield return Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":", DeepLevels / 10)));
        yield return Encoding.UTF8.GetBytes("{\"" + new string('k', 200_000) + "\":1}");
        yield return [.. "{\"name\":\""u8, 0xc3, 0x28, .. "\"}"u8];
    }

    /// <summary>Null sends none.</summary>
    public static IEnumerable<string?> ContentTypes() =>
    [
        null, "", "text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
        "application/octet-stream", "application/json; charset=utf-16",
        "application/json; charset=nope", "application/json; charset=", "application/json;", "json", "*/*", "application/json, text/plain",
        new string('a', 4000),
    ];
}
