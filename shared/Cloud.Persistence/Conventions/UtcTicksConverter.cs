using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Cloud.Persistence;

/// <summary>
/// SQLite neither orders nor compares a DateTimeOffset, and PostgreSQL's timestamps end at the microsecond: a number does all of it.
/// </summary>
internal sealed class UtcTicksConverter() : ValueConverter<DateTimeOffset, long>(
    time => time.UtcTicks,
    ticks => new DateTimeOffset(ticks, TimeSpan.Zero));
