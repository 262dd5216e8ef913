using Cloud.Identity.Contracts;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.ServiceDefaults.Quotas;

/// <summary>
/// Counts what a project uses of its quotas, in the caller's transaction: what is reserved is reserved when, and only when, the resource is
/// there. The check and the count are one conditional UPDATE, so that any number of parallel creates over any number of replicas fill a
/// quota exactly.
/// </summary>
public readonly record struct QuotaLedger
{
    private readonly DbContext _db;

    internal QuotaLedger(DbContext db) => _db = db;

    /// <summary>
    /// Takes from a quota, or gives back where the amount is negative. What is in use is told to identity with the context's next save,
    /// so a save must follow. Several quotas of one transaction are taken in the same order everywhere, or two transactions might wait
    /// for each other.
    /// </summary>
    /// <param name="project">The project's id.</param>
    /// <param name="name">One of <see cref="QuotaCatalog"/>.</param>
    /// <exception cref="CloudException"><c>quota-exceeded</c>: so much is not left.</exception>
    /// <exception cref="InvalidOperationException">The context has no transaction.</exception>
    public async Task ReserveAsync(string project, string name, long amount, CancellationToken ct)
    {
        ArgumentException.ThrowIfNullOrEmpty(project);
        var kind = QuotaCatalog.Find(name) ?? throw new ArgumentException($"There is no quota '{name}'.", nameof(name));
        if (_db.Database.CurrentTransaction is null)
        {
            throw new InvalidOperationException("A quota is counted in the transaction of what it counts: begin one first.");
        }

        if (amount == 0 || project == CloudProject.Id)
        {
            return;
        }

        if (!await TryCountAsync(project, kind, amount, ct))
        {
            throw await RefusalAsync(project, kind, amount, ct);
        }

        var count = await CountOf(project, name).SingleAsync(ct);
        _db.Outbox().Add(new QuotaUsage(project, name, count.Used, count.Generation), $"quota:{project}:{name}");
    }

    private async Task<bool> TryCountAsync(string project, QuotaKind kind, long amount, CancellationToken ct)
    {
        if (await CountAsync(project, kind, amount, ct))
        {
            return true;
        }

        // Refused, or never counted before. Whoever inserts at the same moment is waited for.
        await _db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO "quota_counts" ("Project", "Name", "Used", "Generation") VALUES ({project}, {kind.Name}, 0, 0)
            ON CONFLICT ("Project", "Name") DO NOTHING
            """,
            ct);
        return await CountAsync(project, kind, amount, ct);
    }

    private async Task<bool> CountAsync(string project, QuotaKind kind, long amount, CancellationToken ct)
    {
        // What is given back always fits, also where the limit was lowered below what is in use. Compared by subtraction, which cannot
        // overflow.
        var rows = amount < 0
            ? await _db.Database.ExecuteSqlAsync(
                $"""
                UPDATE "quota_counts"
                SET "Used" = CASE WHEN "Used" > {-amount} THEN "Used" - {-amount} ELSE 0 END, "Generation" = "Generation" + 1
                WHERE "Project" = {project} AND "Name" = {kind.Name}
                """,
                ct)
            : await _db.Database.ExecuteSqlAsync(
                $"""
                UPDATE "quota_counts" SET "Used" = "Used" + {amount}, "Generation" = "Generation" + 1
                WHERE "Project" = {project} AND "Name" = {kind.Name} AND "Used" <= COALESCE(
                    (SELECT "Limit" FROM "quota_limits" WHERE "Project" = {project} AND "Name" = {kind.Name}),
                    {kind.DefaultLimit}) - {amount}
                """,
                ct);
        return rows == 1;
    }

    private async Task<CloudException> RefusalAsync(string project, QuotaKind kind, long amount, CancellationToken ct)
    {
        var used = await CountOf(project, kind.Name).Select(count => count.Used).SingleAsync(ct);
        var set = await _db.Set<QuotaLimit>().AsNoTracking()
            .SingleOrDefaultAsync(row => row.Project == project && row.Name == kind.Name, ct);
        var limit = set?.Limit ?? kind.DefaultLimit;
        return new CloudException(
            ErrorKind.Conflict,
            "quota-exceeded",
            $"The project's quota '{kind.Name}' is {Text(kind, limit)} and {Text(kind, used)} are in use: {Text(kind, amount)} more do "
            + "not fit. An admin can raise it.")
        {
            Details = new Dictionary<string, object> { ["quota"] = kind.Name, ["limit"] = limit, ["used"] = used, ["requested"] = amount },
        };
    }

    private IQueryable<QuotaCount> CountOf(string project, string name) =>
        _db.Set<QuotaCount>().AsNoTracking().Where(count => count.Project == project && count.Name == name);

    private static string Text(QuotaKind kind, long amount) =>
        kind.Name.EndsWith("Bytes", StringComparison.Ordinal) ? new ByteSize(amount).ToString() : $"{amount}";
}
