using Cloud.Database.Insight;
using Cloud.Database.Users;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.OpenApi;

namespace Cloud.Database.Databases;

internal static class DatabaseEndpoints
{
    public static void MapDatabases(this IEndpointRouteBuilder routes)
    {
        var read = routes.MapGroup("/v1/databases").WithTags("Databases").RequireRole(Role.Viewer);
        read.MapGet("/", ListDatabases.HandleAsync).WithName("ListDatabases")
            .WithSummary("Lists the project's databases; ?status=deleted those that can be undeleted");
        read.MapGet("/{id}", GetDatabase.HandleAsync).WithName("GetDatabase").WithSummary("Shows one database");
        read.MapGet("/{id}/recovery-window", GetRecoveryWindow.HandleAsync).WithName("GetRecoveryWindow")
            .WithSummary("From when to when a database can be restored to");
        read.MapGet("/{id}/logs", GetDatabaseLogs.HandleAsync).WithName("GetDatabaseLogs").WithSummary("The last lines of a server's log");
        read.MapGet("/{id}/metrics", GetDatabaseMetrics.HandleAsync).WithName("GetDatabaseMetrics").WithSummary("What a server does");
        read.MapGet("/{id}/queries", ListSlowQueries.HandleAsync).WithName("ListSlowQueries").WithSummary("The ten slowest statements");
        read.MapGet("/{id}/users", ListDatabaseUsers.HandleAsync).WithName("ListDatabaseUsers").WithSummary("Lists a server's users");
        read.MapGet("/{id}/databases", ListSchemaDatabases.HandleAsync).WithName("ListSchemaDatabases")
            .WithSummary("Lists the databases within a server");
        read.MapGet("/{id}/ca-certificate", GetAuthorityCertificate.HandleAsync).WithName("GetAuthorityCertificate")
            .WithSummary("The certificate that servers' certificates are verified by (sslrootcert)");

        var change = routes.MapGroup("/v1/databases").WithTags("Databases").RequireRole(Role.Editor);
        change.MapPost("/", CreateDatabase.HandleAsync).WithName("CreateDatabase").WithSummary("Makes a database")
            .WithExample("""{"name": "orders", "type": "small", "sizeBytes": "2Gi", "parameters": {"work_mem": "8MB"}}""");
        change.MapPatch("/{id}", PatchDatabase.HandleAsync).WithName("PatchDatabase")
            .WithSummary("Renames, labels, protects a database, or changes its parameters")
            .WithExample("""{"parameters": {"work_mem": "16MB"}}""");
        change.MapDelete("/{id}", DeleteDatabase.HandleAsync).WithName("DeleteDatabase")
            .WithSummary("Removes a database, after a final backup unless ?finalBackup=false");
        change.MapPost("/{id}/undelete", UndeleteDatabase.HandleAsync).WithName("UndeleteDatabase")
            .WithSummary("Brings a deleted database back from its final backup");
        change.MapPost("/{id}/stop", StopDatabase.HandleAsync).WithName("StopDatabase").WithSummary("Stops a database's server");
        change.MapPost("/{id}/start", StartDatabase.HandleAsync).WithName("StartDatabase").WithSummary("Starts a stopped database");
        change.MapPost("/{id}/restart", RestartDatabase.HandleAsync).WithName("RestartDatabase")
            .WithSummary("Restarts a database's server");
        change.MapPost("/{id}/resize", ResizeDatabase.HandleAsync).WithName("ResizeDatabase")
            .WithSummary("Gives a database another size; more memory restarts it")
            .WithExample("""{"type": "medium", "sizeBytes": "4Gi"}""");
        change.MapPost("/{id}/restore", RestoreDatabase.HandleAsync).WithName("RestoreDatabase")
            .WithSummary("Brings a database back to a time, in place or as a new one")
            .WithExample("""{"to": "2026-11-23T14:03:27Z", "inPlace": true}""");
        change.MapPost("/{id}/undo-restore", UndoRestoreDatabase.HandleAsync).WithName("UndoRestoreDatabase")
            .WithSummary("Goes back to what a database was before its restore in place");
        change.MapPost("/{id}/clone", CloneDatabase.HandleAsync).WithName("CloneDatabase")
            .WithSummary("Makes a new database of what another holds now").WithExample("""{"name": "orders-branch"}""");
        change.MapPost("/{id}/rotate-password", RotatePassword.HandleAsync).WithName("RotatePassword")
            .WithSummary("Gives a user of a server a new password");
        change.MapPost("/{id}/users", CreateDatabaseUser.HandleAsync).WithName("CreateDatabaseUser").WithSummary("Makes a user of a server")
            .WithExample("""{"name": "report"}""");
        change.MapDelete("/{id}/users/{name}", DeleteDatabaseUser.HandleAsync).WithName("DeleteDatabaseUser")
            .WithSummary("Removes a user of a server");
        change.MapPost("/{id}/databases", CreateSchemaDatabase.HandleAsync).WithName("CreateSchemaDatabase")
            .WithSummary("Makes another database within a server").WithExample("""{"name": "archive"}""");
        change.MapDelete("/{id}/databases/{name}", DeleteSchemaDatabase.HandleAsync).WithName("DeleteSchemaDatabase")
            .WithSummary("Removes a database within a server, with all that is in it");
    }
}
