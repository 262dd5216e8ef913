using System.Collections.Concurrent;
using Cloud.Backup.Persistence;
using Cloud.Backup.Vaults;
using Cloud.Messaging;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Cloud.Backup.Jobs;

/// <summary>
/// Takes queued jobs, a few at once and never two that write to the same, and sees them to their end. Restores come first: they have places
/// of their own, and a backup makes way for a restore over what it reads. What the process died under is begun again: what it had stored is
/// found in the vault and not stored twice. One process does this: a vault has one writer.
/// </summary>
internal sealed partial class JobRunner(
    IDbContextFactory<BackupDbContext> databases, JobChanges changes, JobWork work, ReconcilerSignals signals,
    IOptions<BackupOptions> options, TimeProvider time, ILogger<JobRunner> log) : IReconciler
{
    private static readonly TimeSpan ProgressEvery = TimeSpan.FromSeconds(1);

    /// <summary>So many jobs are tidied up after in a round.</summary>
    private const int UntidyMax = 20;

    private readonly ConcurrentDictionary<JobId, Running> _running = new();

    public async Task ReconcileAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var open = await db.Jobs.AsNoTracking().Where(job => job.Status == JobStatus.Queued || job.Status == JobStatus.Running)
            .OrderBy(job => job.Id).ToListAsync(ct);
        var untidy = await db.Jobs.AsNoTracking().Where(job => job.TidyDue).OrderBy(job => job.Id).Take(UntidyMax).ToListAsync(ct);
        if (open.Count == 0 && untidy.Count == 0)
        {
            signals.RestUntilWoken<JobRunner>();
        }

        foreach (var job in open.Where(job => job.Status == JobStatus.Running))
        {
            if (_running.TryGetValue(job.Id, out var running))
            {
                if (job.CancelRequested)
                {
                    await running.Cancel.CancelAsync();
                }
            }
            else
            {
                await ResumeAsync(job, ct);
            }
        }

        var due = open.Where(job => job.Status == JobStatus.Queued && !(job.NotBefore > time.GetUtcNow()));
        foreach (var job in due.OrderBy(job => job.Kind != JobKind.Restore))
        {
            if (!HasPlace(job.Kind))
            {
                continue;
            }

            if (_running.Values.FirstOrDefault(running => running.Target == job.Target) is not { } other)
            {
                Start(job, SeeThroughAsync, ct);
            }
            else if (job.Kind == JobKind.Restore && other.Kind == JobKind.Backup)
            {
                other.MakesWay = true;
                await other.Cancel.CancelAsync();
            }
        }

        foreach (var job in untidy.Where(job => !(job.NotBefore > time.GetUtcNow()) && IsFree(job.Target)))
        {
            Start(job, TidyAsync, ct);
        }
    }

    private bool IsFree(string target) => _running.Values.All(running => running.Target != target);

    private bool HasPlace(JobKind kind)
    {
        var isRestore = kind == JobKind.Restore;
        return _running.Values.Count(running => running.Kind == JobKind.Restore == isRestore)
            < (isRestore ? options.Value.RestoresMax : options.Value.JobsMax);
    }

    private Task ResumeAsync(BackupJob job, CancellationToken ct) => changes.ApplyAsync(job.Id, "interrupted", (_, row, now) =>
    {
        if (row.Status != JobStatus.Running || _running.ContainsKey(row.Id))
        {
            return Task.FromResult(false);
        }

        if (row.CancelRequested)
        {
            row.IsCancelled(now);
        }
        else if (row.Attempts >= options.Value.AttemptsMax)
        {
            row.Fails("It was interrupted too often.", now);
        }
        else
        {
            row.IsInterrupted(now);
            signals.Wake<JobRunner>();
        }

        return Task.FromResult(true);
    }, ct);

    private void Start(BackupJob job, Func<JobId, Running, CancellationToken, Task> see, CancellationToken stopping)
    {
        var cancel = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var running = _running[job.Id] = new Running(job.Target, job.Kind, cancel);
        _ = RunAsync(job.Id, running, see, stopping);
    }

    private async Task RunAsync(
        JobId id, Running running, Func<JobId, Running, CancellationToken, Task> see, CancellationToken stopping)
    {
        await Task.Yield();
        try
        {
            await see(id, running, stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The row says that it runs; the next process finds that it does not.
        }
        catch (Exception failed)
        {
            // Neither did its end get into the database: the next round finds a job that runs nowhere.
            LogLost(log, failed, id);
        }
        finally
        {
            _running.TryRemove(id, out _);
            running.Cancel.Dispose();
            signals.Wake<JobRunner>();
        }
    }

    private async Task SeeThroughAsync(JobId id, Running running, CancellationToken stopping)
    {
        var ct = running.Cancel.Token;
        var begun = false;
        await changes.ApplyAsync(id, "running", (_, row, now) =>
        {
            if (row.Status != JobStatus.Queued)
            {
                return Task.FromResult(false);
            }

            row.Begin(now);
            begun = true;
            return Task.FromResult(true);
        }, ct);
        if (!begun)
        {
            return;
        }

        var progress = new JobMeter();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var reporting = ReportAsync(id, progress, stop.Token);
        Func<BackupDbContext, BackupJob, DateTimeOffset, Task<bool>> end;
        var what = "succeeded";
        try
        {
            end = await work.RunAsync(id, progress, ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested && !stopping.IsCancellationRequested)
        {
            what = running.MakesWay ? "interrupted" : "cancelled";
            end = Ends((row, now) =>
            {
                if (running.MakesWay && !row.CancelRequested)
                {
                    row.MakesWay(now);
                }
                else
                {
                    row.IsCancelled(now);
                }
            });
        }
        catch (Exception failed) when (!stopping.IsCancellationRequested)
        {
            LogFailed(log, failed, id);
            what = "failed";
            var reason = failed switch
            {
                CloudException or VaultException => failed.Message,
                IOException or HttpRequestException =>
                    "What it read from or wrote to broke off in the middle. Retry it: it goes on from there.",
                _ => "It failed by itself; the log says why.",
            };
            var mayPass = failed is CloudException { Kind: ErrorKind.Unavailable } or IOException or HttpRequestException;
            end = Ends((row, now) =>
            {
                if (mayPass && row.Attempts < options.Value.AttemptsMax && !row.CancelRequested)
                {
                    row.IsTriedAgain(reason, options.Value.RetryAfter * Math.Pow(2, row.Attempts - 1), now);
                }
                else
                {
                    row.Fails(reason, now);
                }
            });
        }
        finally
        {
            await stop.CancelAsync();
            await reporting;
        }

        await changes.ApplyAsync(id, what, async (db, row, now) =>
        {
            row.Progresses(progress.Read(), now);
            return await end(db, row, now);
        }, stopping);
        signals.Wake<VaultKeeper>();
        signals.Wake<WebhookSender>();
    }

    private async Task TidyAsync(JobId id, Running running, CancellationToken stopping)
    {
        try
        {
            await work.TidyAsync(id, running.Cancel.Token);
            signals.Wake<VaultKeeper>();
        }
        catch (Exception away) when (away is CloudException or IOException or HttpRequestException)
        {
            LogUntidy(log, away, id);
            await changes.ApplyAsync(id, null, (_, row, now) =>
            {
                row.IsTidiedLater(options.Value.RetryAfter, now);
                return Task.FromResult(true);
            }, stopping);
        }
    }

    private static Func<BackupDbContext, BackupJob, DateTimeOffset, Task<bool>> Ends(Action<BackupJob, DateTimeOffset> end) =>
        (_, row, now) =>
        {
            end(row, now);
            return Task.FromResult(true);
        };

    private async Task ReportAsync(JobId id, JobMeter progress, CancellationToken ct)
    {
        try
        {
            while (true)
            {
                await Task.Delay(ProgressEvery, time, ct);
                await changes.ApplyAsync(id, null, (_, row, now) =>
                {
                    row.Progresses(progress.Read(), now);
                    return Task.FromResult(true);
                }, ct);
            }
        }
        catch (OperationCanceledException)
        {
            // The job has ended.
        }
        catch (DbUpdateException missed)
        {
            LogProgress(log, missed, id);
        }
    }

    [LoggerMessage(EventId = 10000, Level = LogLevel.Warning, Message = "Backup job {Job} failed")]
    private static partial void LogFailed(ILogger log, Exception exception, JobId job);

    [LoggerMessage(
        EventId = 10003, Level = LogLevel.Warning, Message = "What backup job {Job} was making cannot be removed yet; it is tried again")]
    private static partial void LogUntidy(ILogger log, Exception exception, JobId job);

    [LoggerMessage(EventId = 10001, Level = LogLevel.Error, Message = "The end of backup job {Job} could not be written down")]
    private static partial void LogLost(ILogger log, Exception exception, JobId job);

    [LoggerMessage(EventId = 10002, Level = LogLevel.Warning, Message = "The progress of backup job {Job} is not shown any more")]
    private static partial void LogProgress(ILogger log, Exception exception, JobId job);

    private sealed record Running(string Target, JobKind Kind, CancellationTokenSource Cancel)
    {
        /// <summary>It is stopped for a restore, and begun again after it.</summary>
        public bool MakesWay { get; set; }
    }
}
