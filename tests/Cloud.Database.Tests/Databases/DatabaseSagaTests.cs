using Cloud.Database.Databases;
using Cloud.Database.Engines;
using Cloud.Database.Secrets;
using Cloud.Database.Servers;
using Cloud.Database.Tests.Kit;
using Cloud.Messaging;
using Cloud.Primitives;
using Cloud.Testing.Sagas;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Cloud.Database.Tests.Databases;

public sealed class DatabaseCreateSagaTests(DatabaseServices services) : SagaContract<DatabaseSagaData>
{
    protected override async Task<SagaTrial<DatabaseSagaData>> ArrangeAsync() =>
        await DatabaseTrial.ArrangeAsync(services.OnSqlite, steps => new DatabaseCreateSaga(steps), async trial =>
        {
            trial.Row.Status.ShouldBe(DatabaseStatus.Available);
            trial.Runs.ShouldBeTrue();
            await using var db = await services.OnSqlite.OpenDbAsync();
            (await db.BaseBackups.CountAsync(backup => backup.Database == trial.Row.Id)).ShouldBe(1);
        }, trial =>
        {
            // What was said to be there stays there: no database is available whose server was taken back.
            trial.Row.Status.ShouldBeOneOf(DatabaseStatus.Failed, DatabaseStatus.Available);
            trial.Runs.ShouldBe(trial.Row.Status == DatabaseStatus.Available);
            Directory.Exists(trial.Folder.Root).ShouldBe(trial.Row.Status == DatabaseStatus.Available);
            return Task.CompletedTask;
        });
}

public sealed class DatabaseStopSagaTests(DatabaseServices services) : SagaContract<DatabaseSagaData>
{
    protected override async Task<SagaTrial<DatabaseSagaData>> ArrangeAsync()
    {
        var trial = await DatabaseTrial.ArrangeAsync(services.OnSqlite, steps => new DatabaseStopSaga(steps), stopping =>
        {
            stopping.Row.Status.ShouldBe(DatabaseStatus.Stopped);
            stopping.Runs.ShouldBeFalse();
            return Task.CompletedTask;
        }, stopping =>
        {
            stopping.Row.Status.ShouldBeOneOf(DatabaseStatus.Available, DatabaseStatus.Stopped);
            stopping.Runs.ShouldBe(stopping.Row.Status == DatabaseStatus.Available);
            return Task.CompletedTask;
        });
        await trial.RunsAndStopsAsync();
        return trial;
    }
}

/// <summary>A service's database in the middle of a saga, stepped through by the contract instead of by the runner.</summary>
internal sealed class DatabaseTrial : SagaTrial<DatabaseSagaData>
{
    private readonly DatabaseUnderTest _service;
    private readonly AsyncServiceScope _scope;
    private readonly Func<DatabaseSteps, Saga<DatabaseSagaData>> _sagaOf;
    private readonly Func<DatabaseTrial, Task> _assertDone;
    private readonly Func<DatabaseTrial, Task> _assertUndone;

    private DatabaseTrial(
        DatabaseUnderTest service, ManagedDatabase row, Func<DatabaseSteps, Saga<DatabaseSagaData>> sagaOf,
        Func<DatabaseTrial, Task> assertDone, Func<DatabaseTrial, Task> assertUndone)
    {
        (_service, Row, _sagaOf, _assertDone, _assertUndone) = (service, row, sagaOf, assertDone, assertUndone);
        _scope = service.Services.CreateAsyncScope();
    }

    /// <summary>As it is in the database when something is asserted.</summary>
    public ManagedDatabase Row { get; private set; }

    public ServerFolder Folder => Get<ServerProcesses>().FolderOf(Row);

    public bool Runs => Get<ServerProcesses>().Runs(Row);

    public override Saga<DatabaseSagaData> Saga => _sagaOf(Get<DatabaseSteps>());

    public override DatabaseSagaData Data => new(Row.Id, Row.CreatedAt);

    public static async Task<DatabaseTrial> ArrangeAsync(
        DatabaseUnderTest service, Func<DatabaseSteps, Saga<DatabaseSagaData>> sagaOf, Func<DatabaseTrial, Task> assertDone,
        Func<DatabaseTrial, Task> assertUndone)
    {
        var now = TimeProvider.System.GetUtcNow();
        var id = TypedId.New<DatabaseId>(TimeProvider.System);
        var passwords = service.Services.GetRequiredService<PasswordBox>();
        await using var db = await service.OpenDbAsync();
        var options = service.Services.GetRequiredService<IOptions<DatabaseOptions>>().Value;
        await using var transaction = await db.BeginAddressingAsync(default);
        var (port, address, uid) = await DatabaseAddress.ChooseAsync(db, options, "prj-sagas", default);
        var row = ManagedDatabase.Create(
            new NewDatabase(
                id, "prj-sagas", id.Value, Labels.None, DatabaseType.Require("nano"), 1 << 30, new Dictionary<string, string>(), false,
                port, address, uid, passwords.Seal("admin", id), passwords.Seal("owner", id), null, DatabaseEngine.Postgres,
                ServerPlacement.Process("")),
            now);
        db.Databases.Add(row);
        await db.SaveChangesAsync();
        await transaction.CommitAsync();
        return new DatabaseTrial(service, row, sagaOf, assertDone, assertUndone);
    }

    /// <summary>Its server runs, and it was told to stop.</summary>
    public async Task RunsAndStopsAsync()
    {
        var steps = Get<DatabaseSteps>();
        await steps.MakeServerAsync(Data, default);
        await steps.StartServerAsync(Data, default);
        await steps.MakeOwnerAsync(Data, default);
        await steps.ArchiveLogAsync(Data, default);
        await using var db = await _service.OpenDbAsync();
        var row = await db.Databases.SingleAsync(one => one.Id == Row.Id);
        row.Settles(DatabaseStatus.Available, Row.CreatedAt);
        row.BeginStop(Row.CreatedAt);
        await db.SaveChangesAsync();
    }

    public override Task AssertDoneAsync() => AssertAsync(_assertDone);

    public override Task AssertUndoneAsync() => AssertAsync(_assertUndone);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await using (var db = await _service.OpenDbAsync())
        {
            await db.Databases.Where(row => row.Id == Row.Id).ExecuteDeleteAsync();
        }

        // Whoever looks after it has seen that it is gone, or waits for this turn.
        using (await Get<DatabaseTurns>().TakeAsync(Row.Id, default))
        {
            await Get<ServerControl>().StopAsync(Row, default);
            Folder.Remove();
        }

        await _scope.DisposeAsync();
    }

    private T Get<T>()
        where T : notnull => _scope.ServiceProvider.GetRequiredService<T>();

    private async Task AssertAsync(Func<DatabaseTrial, Task> assert)
    {
        Row = await _service.RowAsync(Row.Id.Value);
        await assert(this);
    }
}
