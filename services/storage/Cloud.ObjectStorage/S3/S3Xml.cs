using System.Globalization;
using System.Text;

namespace Cloud.ObjectStorage.S3;

/// <summary>Writes the XML of answers, in the order of the calls.</summary>
internal sealed class S3Xml
{
    public const string ContentType = "application/xml";

    public const string Namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

    private const string Declaration = """<?xml version="1.0" encoding="UTF-8"?>""";

    private readonly StringBuilder _text = new(Declaration + "\n");

    public S3Xml Open(string name)
    {
        _text.Append('<').Append(name).Append('>');
        return this;
    }

    /// <summary>The outermost element of an answer that is no error.</summary>
    public S3Xml OpenRoot(string name)
    {
        _text.Append('<').Append(name).Append(" xmlns=\"").Append(Namespace).Append("\">");
        return this;
    }

    public S3Xml OpenTyped(string name, string type)
    {
        _text.Append('<').Append(name).Append(" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"").Append(
            type).Append("\">");
        return this;
    }

    public S3Xml Close(string name)
    {
        _text.Append("</").Append(name).Append('>');
        return this;
    }

    public S3Xml Element(string name, string value)
    {
        Open(name);
        Escape(value);
        return Close(name);
    }

    /// <summary>What the open element holds.</summary>
    public S3Xml Text(string? value)
    {
        Escape(value ?? "");
        return this;
    }

    public S3Xml Element(string name, long value) => Element(name, value.ToString(CultureInfo.InvariantCulture));

    public S3Xml Element(string name, bool value) => Element(name, value ? "true" : "false");

    /// <summary>Left out where there is none.</summary>
    public S3Xml Optional(string name, string? value) => value is null ? this : Element(name, value);

    public S3Xml Optional(string name, long? value) => value is { } number ? Element(name, number) : this;

    /// <summary>A time as lists show it.</summary>
    public S3Xml Time(string name, long utcTicks) =>
        Element(name, new DateTime(utcTicks, DateTimeKind.Utc).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));

    public S3Xml Time(string name, DateTimeOffset at) => Time(name, at.UtcTicks);

    public override string ToString() => _text.ToString();

    private void Escape(string value)
    {
        foreach (var c in value)
        {
            _ = c switch
            {
                '<' => _text.Append("&lt;"),
                '>' => _text.Append("&gt;"),
                '&' => _text.Append("&amp;"),
                '"' => _text.Append("&quot;"),
                // XML 1.0 has no such characters; S3 writes them so, and asks clients to use encoding-type.
                < ' ' => _text.Append("&#x").Append(((int)c).ToString("x", CultureInfo.InvariantCulture)).Append(';'),
                '\ufffe' or '\uffff' => _text.Append('\ufffd'),
                _ => _text.Append(c),
            };
        }
    }
}
