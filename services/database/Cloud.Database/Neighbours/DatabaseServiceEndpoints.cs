using Cloud.Database.Contracts;
using Cloud.Primitives;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Edge;

namespace Cloud.Database.Neighbours;

/// <summary><see cref="IDatabases"/> over HTTP, for backups in another process. Its caller is the cloud itself.</summary>
internal static class DatabaseServiceEndpoints
{
    public static void MapDatabaseService(this IEndpointRouteBuilder routes)
    {
        var project = routes.MapGroup("/internal/v1/projects/{project}/databases").RequireServiceKey().ExcludeFromDescription();
        project.MapPost("/search", (string project, Dictionary<string, string> labels, IDatabases own, CancellationToken ct) =>
            own.ListAsync(project, labels, ct));
        project.MapPut("/", (string project, NewDatabaseCopy copy, IDatabases own, CancellationToken ct) =>
            own.CreateAsync(project, copy, ct));
        var one = project.MapGroup("/{database}");
        one.MapGet("/", async (string project, string database, IDatabases own, CancellationToken ct) =>
            await own.FindAsync(project, database, ct) ?? throw CloudException.NotFound("database", database));
        one.MapDelete("/", (string project, string database, IDatabases own, CancellationToken ct) =>
            own.DeleteAsync(project, database, ct));
        one.MapGet("/archive", (string project, string database, IDatabases own, CancellationToken ct) =>
            own.ReadArchiveAsync(project, database, ct));
        one.MapGet("/archive/bases/{backup}", async (
            string project, string database, string backup, IDatabases own, CancellationToken ct) =>
            TypedResults.Stream(await own.ReadBaseAsync(project, database, backup, ct)));
        one.MapGet("/archive/log/{generation:int}/{name}", async (
            string project, string database, int generation, string name, IDatabases own, CancellationToken ct) =>
            TypedResults.Stream(await own.ReadLogAsync(project, database, generation, name, ct)));
        one.MapPost("/restore", (
            string project, string database, string staged, DateTimeOffset? to, IDatabases own, CancellationToken ct) =>
            own.RestoreAsync(project, database, staged, to, ct));
        one.MapPost("/undo-restore", (string project, string database, IDatabases own, CancellationToken ct) =>
            own.UndoRestoreAsync(project, database, ct));
        one.MapPost("/check", async (string project, string database, IDatabases own, CancellationToken ct) =>
            new DatabaseCheck(await own.CheckAsync(project, database, ct)));

        var staged = routes.MapGroup("/internal/v1/staged-databases/{key}").RequireServiceKey().ExcludeFromDescription();
        staged.MapPut("/", (string key, HttpContext context, IDatabases own, CancellationToken ct) =>
            own.StageAsync(key, context.Request.Body, ct)).WithStreamedBody();
        staged.MapDelete("/", (string key, IDatabases own, CancellationToken ct) => own.UnstageAsync(key, ct));
    }
}
