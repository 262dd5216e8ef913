using Cloud.Database.Engines;
using Cloud.Database.Servers;
using Cloud.Persistence;
using Cloud.Primitives;

namespace Cloud.Database.Databases;

/// <summary>A database that users connect to: a server of its own, and what is needed to bring it back.</summary>
internal sealed class ManagedDatabase : IVersioned
{
    /// <summary>The user and the database that every server has from its first moment.</summary>
    public const string OwnerName = "app";

    private ManagedDatabase()
    {
    }

    public DatabaseId Id { get; private init; }

    public string Project { get; private init; } = "";

    public string Name { get; private set; } = "";

    public string LabelText { get; private set; } = "";

    public Labels Labels
    {
        get => Labels.FromText(LabelText);
        private set => LabelText = value.Text;
    }

    public DatabaseStatus Status { get; private set; }

    /// <summary>Why it failed, or why what was asked last was not done.</summary>
    public string? StatusReason { get; private set; }

    /// <summary>What was asked was begun in this state, and goes back to it where it fails.</summary>
    public DatabaseStatus StatusBefore { get; private set; }

    /// <summary>What kind of server it is, for its whole life.</summary>
    public DatabaseEngine Engine { get; private init; } = DatabaseEngine.Postgres;

    /// <summary>Where its servers live, for its whole life.</summary>
    public DatabasePlacement Placement { get; private init; } = DatabasePlacement.Process;

    /// <summary>Why there.</summary>
    public string PlacementReason { get; private init; } = ServerPlacement.OfProcesses;

    public string Type { get; private set; } = "";

    public string TypeBefore { get; private set; } = "";

    /// <summary>How much it may hold, with what its server needs besides.</summary>
    public long SizeBytes { get; private set; }

    public long SizeBytesBefore { get; private set; }

    /// <summary>The server's settings that users made, by name.</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; private set; } = new Dictionary<string, string>();

    /// <summary>A parameter was changed that the server takes at its next start.</summary>
    public bool RestartPending { get; private set; }

    public bool DeletionProtection { get; private set; }

    /// <summary>Where its server listens on loopback, for its whole life.</summary>
    public int Port { get; private init; }

    /// <summary>
    /// Where its project's instances reach it, for its whole life. Empty of one that was made before there were such addresses, until it
    /// is given one.
    /// </summary>
    public string InternalAddress { get; private set; } = "";

    /// <summary>The number of the user that its server runs as, where the service may choose one.</summary>
    public int ServerUid { get; private init; }

    /// <summary>Which of its data folders is the one in use: a restore in place makes the next.</summary>
    public int Generation { get; private set; } = 1;

    /// <summary>What a restore in place has set aside, to be gone back to.</summary>
    public int? SafetyGeneration { get; private set; }

    /// <summary>The highest generation that there ever was.</summary>
    public int LastGeneration { get; private set; } = 1;

    /// <summary>The password of the service's own superuser, sealed.</summary>
    public byte[] AdminSecret { get; private init; } = [];

    /// <summary>The password of <see cref="OwnerName"/>, sealed.</summary>
    public byte[] OwnerSecret { get; private set; } = [];

    /// <summary>What was handed over for its last restore in place; null where that was of its own archive.</summary>
    public string? RestoredOf { get; private set; }

    /// <summary>The database that it was restored from or cloned of, or what was handed over for it.</summary>
    public string? SourceDatabase { get; private init; }

    /// <summary>A last backup was taken when it was deleted.</summary>
    public bool FinalBackup { get; private set; }

    public DateTimeOffset? DeletedAt { get; private set; }

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public long Version { get; set; }

    /// <summary>Nothing is under way.</summary>
    public bool Settled => Status is DatabaseStatus.Available or DatabaseStatus.ReadOnly or DatabaseStatus.Stopped
        or DatabaseStatus.Deleted or DatabaseStatus.Failed;

    /// <summary>Its server must run: where it does not, it is started.</summary>
    public bool ShouldRun => Status is DatabaseStatus.Available or DatabaseStatus.ReadOnly;

    public static ManagedDatabase Create(NewDatabase asked, DateTimeOffset now) => new()
    {
        Id = asked.Id,
        Project = asked.Project,
        Name = asked.Name,
        LabelText = asked.Labels.Text,
        Status = DatabaseStatus.Provisioning,
        StatusBefore = DatabaseStatus.Failed,
        Engine = asked.Engine,
        Placement = asked.Placement.Place,
        PlacementReason = asked.Placement.Reason,
        Type = asked.Type.Name,
        TypeBefore = asked.Type.Name,
        SizeBytes = asked.SizeBytes,
        SizeBytesBefore = asked.SizeBytes,
        Parameters = asked.Parameters,
        DeletionProtection = asked.DeletionProtection,
        Port = asked.Port,
        InternalAddress = asked.InternalAddress,
        ServerUid = asked.ServerUid,
        AdminSecret = asked.AdminSecret,
        OwnerSecret = asked.OwnerSecret,
        SourceDatabase = asked.Source,
        CreatedAt = now,
        UpdatedAt = now,
    };

    public void Rename(string name, DateTimeOffset now) => (Name, UpdatedAt) = (name, now);

    public void Relabel(Labels labels, DateTimeOffset now) => (Labels, UpdatedAt) = (labels, now);

    public void Protect(bool protection, DateTimeOffset now) => (DeletionProtection, UpdatedAt) = (protection, now);

    public void Configure(IReadOnlyDictionary<string, string> parameters, bool needsRestart, DateTimeOffset now) =>
        (Parameters, RestartPending, UpdatedAt) = (parameters, RestartPending || (needsRestart && ShouldRun), now);

    /// <summary>Gives one that has none the address by which instances reach it.</summary>
    public void TakeInternalAddress(string address, DateTimeOffset now) => (InternalAddress, UpdatedAt) = (address, now);

    public void TakePassword(byte[] sealedPassword, DateTimeOffset now) => (OwnerSecret, UpdatedAt) = (sealedPassword, now);

    /// <exception cref="CloudException">It is not in a state from which this can begin.</exception>
    public void BeginStop(DateTimeOffset now) =>
        Begin("stopped", DatabaseStatus.Stopping, now, DatabaseStatus.Available, DatabaseStatus.ReadOnly);

    public void BeginStart(DateTimeOffset now) => Begin("started", DatabaseStatus.Starting, now, DatabaseStatus.Stopped);

    public void BeginRestart(DateTimeOffset now) =>
        Begin("restarted", DatabaseStatus.Restarting, now, DatabaseStatus.Available, DatabaseStatus.ReadOnly);

    public void BeginResize(DatabaseType type, long sizeBytes, DateTimeOffset now)
    {
        Begin("resized", DatabaseStatus.Resizing, now, DatabaseStatus.Available, DatabaseStatus.ReadOnly, DatabaseStatus.Stopped);
        (TypeBefore, Type) = (Type, type.Name);
        (SizeBytesBefore, SizeBytes) = (SizeBytes, sizeBytes);
    }

    /// <summary>Back to an earlier time, into a generation of its own.</summary>
    /// <param name="restoredOf">What was handed over for it; null for its own archive.</param>
    /// <returns>The generation's number.</returns>
    public int BeginRestore(DateTimeOffset now, string? restoredOf = null)
    {
        Begin("restored", DatabaseStatus.Restoring, now, DatabaseStatus.Available, DatabaseStatus.ReadOnly, DatabaseStatus.Stopped);
        RestoredOf = restoredOf;
        return ++LastGeneration;
    }

    /// <summary>Back to what the last restore in place has set aside.</summary>
    /// <exception cref="CloudException">There is no such thing.</exception>
    public int BeginUndoRestore(DateTimeOffset now)
    {
        var safety = SafetyGeneration
            ?? throw CloudException.Conflict("nothing-to-undo", "No restore in place has left a safety copy of this database.");
        Begin("restored", DatabaseStatus.Restoring, now, DatabaseStatus.Available, DatabaseStatus.ReadOnly, DatabaseStatus.Stopped);
        return safety;
    }

    public void BeginDelete(bool finalBackup, DateTimeOffset now)
    {
        if (DeletionProtection)
        {
            throw CloudException.Conflict("deletion-protected", "The database is protected from deletion.");
        }

        Begin("deleted", DatabaseStatus.Deleting, now, DatabaseStatus.Available, DatabaseStatus.ReadOnly, DatabaseStatus.Stopped,
            DatabaseStatus.Failed);
        FinalBackup = finalBackup && StatusBefore != DatabaseStatus.Failed;
    }

    /// <summary>Made once more from its final backup.</summary>
    public void BeginUndelete(DateTimeOffset now)
    {
        if (Status != DatabaseStatus.Deleted || !FinalBackup)
        {
            throw CloudException.Conflict(
                "not-deleted", "Only a deleted database with a final backup, in its retention, can be undeleted.");
        }

        (Generation, SafetyGeneration, DeletedAt) = (++LastGeneration, null, null);
        StatusBefore = DatabaseStatus.Failed;
        Turn(DatabaseStatus.Provisioning, null, now);
    }

    /// <summary>Uses another of its data folders; the one before stays as the safety copy.</summary>
    public void SwitchTo(int generation, DateTimeOffset now)
    {
        if (Generation != generation)
        {
            (SafetyGeneration, Generation, UpdatedAt) = (Generation, generation, now);
        }
    }

    /// <summary>Undoes <see cref="SwitchTo"/>.</summary>
    /// <param name="safety">The safety copy that there was before.</param>
    public void SwitchBack(int generation, int? safety, DateTimeOffset now) =>
        (Generation, SafetyGeneration, UpdatedAt) = (generation, safety, now);

    /// <summary>What was under way is done.</summary>
    public void Settles(DatabaseStatus status, DateTimeOffset now)
    {
        (TypeBefore, SizeBytesBefore) = (Type, SizeBytes);
        RestartPending = RestartPending && status != DatabaseStatus.Stopped
            && Status is not (DatabaseStatus.Restarting or DatabaseStatus.Starting or DatabaseStatus.Restoring);
        Turn(status, null, now);
    }

    /// <summary>What was under way has failed for good: it is what it was before, with the reason.</summary>
    public void Fails(string reason, DateTimeOffset now)
    {
        (Type, SizeBytes) = (TypeBefore, SizeBytesBefore);
        Turn(StatusBefore, reason, now);
    }

    public void BecomesReadOnly(string reason, DateTimeOffset now) => Turn(DatabaseStatus.ReadOnly, reason, now);

    public void BecomesWritable(DateTimeOffset now) => Turn(DatabaseStatus.Available, null, now);

    public void IsDeleted(DateTimeOffset now)
    {
        DeletedAt = now;
        Turn(DatabaseStatus.Deleted, null, now);
    }

    /// <summary>Its retention is over: nothing brings it back.</summary>
    public void IsForgotten(DateTimeOffset now) => (FinalBackup, UpdatedAt) = (false, now);

    private void Begin(string done, DatabaseStatus next, DateTimeOffset now, params ReadOnlySpan<DatabaseStatus> from)
    {
        if (!from.Contains(Status))
        {
            throw CloudException.Conflict(
                "wrong-status", $"A database that is {Cloud.ServiceDefaults.EnumWords.Of(Status)} cannot be {done}.");
        }

        StatusBefore = Status;
        Turn(next, null, now);
    }

    private void Turn(DatabaseStatus status, string? reason, DateTimeOffset now) =>
        (Status, StatusReason, UpdatedAt) = (status, reason, now);
}

/// <summary>What a database is to be.</summary>
internal sealed record NewDatabase(
    DatabaseId Id, string Project, string Name, Labels Labels, DatabaseType Type, long SizeBytes,
    IReadOnlyDictionary<string, string> Parameters, bool DeletionProtection, int Port, string InternalAddress, int ServerUid,
    byte[] AdminSecret, byte[] OwnerSecret, string? Source, DatabaseEngine Engine, ServerPlacement Placement);
