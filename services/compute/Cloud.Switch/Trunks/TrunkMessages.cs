using System.Text.Json.Serialization;

namespace Cloud.Switch.Trunks;

/// <summary>The first byte of what one switch sends another.</summary>
internal enum TrunkDatagram : byte
{
    /// <summary>An <see cref="Announcement"/>.</summary>
    Table = 1,

    /// <summary>A frame for a guest that is there.</summary>
    ToGuest = 2,

    /// <summary>A frame of a guest that is here and has its way out there.</summary>
    FromGuest = 3,

    /// <summary>The sender ends; its name.</summary>
    Goodbye = 4,
}

/// <summary>A part of a switch's table of ports.</summary>
/// <param name="From">The switch's name.</param>
/// <param name="Round">Of the whole table; each is one more than the one before it.</param>
/// <param name="IsLast">With this part the table is whole.</param>
internal sealed record Announcement(string From, long Round, bool IsLast, IReadOnlyList<AnnouncedPort> Ports);

/// <param name="IsAway">Its guest is on another host, and what is published for it here.</param>
internal sealed record AnnouncedPort(string Id, string Project, string HostName, string MacAddress, string Address, bool IsAway);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(Announcement))]
internal sealed partial class TrunkJson : JsonSerializerContext;
