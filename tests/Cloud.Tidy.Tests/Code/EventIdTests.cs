using System.Globalization;
using System.Text.RegularExpressions;

namespace Cloud.Tidy.Tests.Code;

/// <summary>Logs are an API: an event id means one message, and its thousand says which part speaks.</summary>
public sealed partial class EventIdTests
{
    // The first folder that fits decides.
    private static readonly (string Folder, int First, int Last)[] Ranges =
    [
        ("shared/Cloud.Messaging/", 200, 299),
        ("shared/", 100, 199),
        ("services/identity/", 1000, 1999),
        ("services/compute/Cloud.Compute/", 2000, 2999),
        ("services/compute/Cloud.Compute.Host/", 3000, 3999),
        ("services/compute/engine/", 3000, 3999),
        ("services/compute/Cloud.Switch", 4000, 4999),
        ("gateway/", 5000, 5999),
        ("services/storage/Cloud.ObjectStorage/", 7000, 7999),
        ("services/storage/Cloud.BlockStorage/", 8000, 8999),
        ("services/database/", 9000, 9999),
        ("services/backup/", 10000, 10999),
        ("infra/Cloud.Local/", 6000, 6099),
    ];

    private static IEnumerable<(string At, int Id)> Ids =>
        Repository.Sources.Where(file => !file.StartsWith("tests/", StringComparison.Ordinal)).SelectMany(file =>
            EventId().Matches(Repository.Read(file))
                .Select(match => (file, int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture))));

    [Fact]
    public void EventId_IsUsedOnce() =>
        Ids.GroupBy(id => id.Id).Where(same => same.Count() > 1)
            .Select(same => $"{same.Key}: {string.Join(", ", same.Select(id => id.At))}")
            .ShouldBeNone("An event id has one message:");

    [Fact]
    public void EventId_IsInItsPartsRange() =>
        Ids.Where(id => !Ranges.Any(
            range => id.At.StartsWith(range.Folder, StringComparison.Ordinal) && id.Id >= range.First && id.Id <= range.Last))
            .Select(id => $"{id.At}: {id.Id}")
            .ShouldBeNone("Ranges: " + string.Join(", ", Ranges.Select(range => $"{range.Folder} {range.First}-{range.Last}")));

    [Fact]
    public void Message_HasAnEventId() =>
        Repository.Sources.SelectMany(file => LoggerMessage().Matches(Repository.Read(file)).Where(match => !EventId().IsMatch(match.Value))
            .Select(match => $"{file}: {match.Value}"))
            .ShouldBeNone("A log message has an event id:");

    [GeneratedRegex(@"LoggerMessage\(\s*(?:EventId\s*=\s*)?(\d+)")]
    private static partial Regex EventId();

    [GeneratedRegex(@"\[LoggerMessage\([^,]*")]
    private static partial Regex LoggerMessage();
}
