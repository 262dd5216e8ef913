using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Cloud.Switch.Client;
using Cloud.Switch.Ports;

namespace Cloud.Switch.Dns;

/// <summary>
/// Answers for the names and addresses of a project's guests (RFC 1035): <c>NAME</c>, <c>NAME.cloud.internal</c> and the reverse; and for
/// the cloud's servers that they reach: <c>NAME.db</c>, <c>NAME.db.cloud.internal</c>. What it does not answer is the host's resolver's to
/// answer.
/// </summary>
internal static class DnsResponder
{
    public const ushort Port = 53;

    private const int HeaderLength = 12;
    private const int NameLengthMax = 255;
    private const int LabelLengthMax = 63;

    /// <summary>A name may be another guest's soon.</summary>
    private const uint TimeToLiveSeconds = 5;

    private const ushort TypeA = 1;
    private const ushort TypePointer = 12;
    private const ushort TypeAny = 255;
    private const ushort ClassInternet = 1;
    private const string DomainSuffix = "." + NetworkPlan.Domain;
    private const string ServiceSuffix = "." + SwitchNetwork.ServiceDomain;
    private const string ReverseSuffix = ".in-addr.arpa";

    private enum ResponseCode
    {
        NoError = 0,
        NoSuchName = 3,
    }

    /// <summary>Writes the answer to a query; its length, 0 where the query is not ours to answer.</summary>
    public static int Answer(Network network, ReadOnlySpan<byte> query, Span<byte> response)
    {
        if (!TryReadQuestion(query, out var name, out var type, out var questionLength))
        {
            return 0;
        }

        if (name.EndsWith(ReverseSuffix, StringComparison.Ordinal))
        {
            return TryReadReverse(name, out var address) && NetworkPlan.InSubnet(address)
                ? WritePointer(
                    network.FindByAddress(address)?.Name ?? network.FindService(address)?.Names[0], query, type, questionLength, response)
                : 0;
        }

        if (name.EndsWith(DomainSuffix, StringComparison.Ordinal))
        {
            return WriteAddress(FindAddress(network, name[..^DomainSuffix.Length]), query, type, questionLength, response);
        }

        // No name of the world ends in this: nobody else is asked for one.
        var found = FindAddress(network, name);
        return found is not null || name.EndsWith(ServiceSuffix, StringComparison.Ordinal)
            ? WriteAddress(found, query, type, questionLength, response)
            : 0;
    }

    private static uint? FindAddress(Network network, string name) =>
        network.FindByName(name)?.Address ?? network.FindService(name)?.Address;

    /// <summary>One question of the Internet class; its name in lower case.</summary>
    private static bool TryReadQuestion(ReadOnlySpan<byte> query, out string name, out ushort type, out int questionLength)
    {
        (name, type, questionLength) = ("", 0, 0);
        // Not a response, operation QUERY, one question, no answer in it.
        if (query.Length < HeaderLength || (query[2] & 0xf8) != 0 || BinaryPrimitives.ReadUInt32BigEndian(query[4..]) != 0x0001_0000)
        {
            return false;
        }

        var text = new StringBuilder();
        var at = HeaderLength;
        while (true)
        {
            if (at >= query.Length || query[at] > LabelLengthMax)
            {
                return false;
            }

            var length = query[at++];
            if (length == 0)
            {
                break;
            }

            if (query.Length - at < length || at + length - HeaderLength > NameLengthMax)
            {
                return false;
            }

            if (text.Length > 0)
            {
                text.Append('.');
            }

            text.Append(Encoding.Latin1.GetString(query.Slice(at, length)));
            at += length;
        }

        if (query.Length - at < 4 || BinaryPrimitives.ReadUInt16BigEndian(query[(at + 2)..]) != ClassInternet)
        {
            return false;
        }

        type = BinaryPrimitives.ReadUInt16BigEndian(query[at..]);
        questionLength = at + 4 - HeaderLength;
        name = text.ToString().ToLowerInvariant();
        return true;
    }

    private static bool TryReadReverse(string name, out uint address)
    {
        address = 0;
        var parts = name[..^ReverseSuffix.Length].Split('.', 5);
        if (parts.Length != 4)
        {
            return false;
        }

        for (var at = 3; at >= 0; at--)
        {
            if (!byte.TryParse(parts[at], NumberStyles.None, CultureInfo.InvariantCulture, out var part))
            {
                return false;
            }

            address = (address << 8) | part;
        }

        return true;
    }

    private static int WriteAddress(uint? found, ReadOnlySpan<byte> query, ushort type, int questionLength, Span<byte> response)
    {
        if (found is null || type is not (TypeA or TypeAny))
        {
            return WriteHeader(query, found is null ? ResponseCode.NoSuchName : ResponseCode.NoError, 0, questionLength, response);
        }

        Span<byte> address = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(address, found.Value);
        return WriteRecord(query, TypeA, address, questionLength, response);
    }

    private static int WritePointer(string? name, ReadOnlySpan<byte> query, ushort type, int questionLength, Span<byte> response)
    {
        if (name is null || type is not (TypePointer or TypeAny))
        {
            return WriteHeader(query, name is null ? ResponseCode.NoSuchName : ResponseCode.NoError, 0, questionLength, response);
        }

        Span<byte> target = stackalloc byte[NameLengthMax];
        var length = 0;
        foreach (var label in (name + DomainSuffix).Split('.'))
        {
            target[length++] = (byte)label.Length;
            length += Encoding.ASCII.GetBytes(label, target[length..]);
        }

        target[length++] = 0;
        return WriteRecord(query, TypePointer, target[..length], questionLength, response);
    }

    private static int WriteRecord(ReadOnlySpan<byte> query, ushort type, ReadOnlySpan<byte> data, int questionLength, Span<byte> response)
    {
        var length = WriteHeader(query, ResponseCode.NoError, 1, questionLength, response);
        var record = response[length..];
        // The name is the question's: a pointer to byte 12.
        BinaryPrimitives.WriteUInt16BigEndian(record, 0xc00c);
        BinaryPrimitives.WriteUInt16BigEndian(record[2..], type);
        BinaryPrimitives.WriteUInt16BigEndian(record[4..], ClassInternet);
        BinaryPrimitives.WriteUInt32BigEndian(record[6..], TimeToLiveSeconds);
        BinaryPrimitives.WriteUInt16BigEndian(record[10..], (ushort)data.Length);
        data.CopyTo(record[12..]);
        return length + 12 + data.Length;
    }

    /// <summary>The header and the question again.</summary>
    private static int WriteHeader(ReadOnlySpan<byte> query, ResponseCode code, ushort answers, int questionLength, Span<byte> response)
    {
        query[..(HeaderLength + questionLength)].CopyTo(response);
        // QR and AA; RD as it was asked. RA and the code.
        response[2] = (byte)(0x84 | (query[2] & 0x01));
        response[3] = (byte)(0x80 | (byte)code);
        BinaryPrimitives.WriteUInt16BigEndian(response[6..], answers);
        response[8..HeaderLength].Clear();
        return HeaderLength + questionLength;
    }
}
