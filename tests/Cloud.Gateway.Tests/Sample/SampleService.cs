using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Security.Cryptography;
using Cloud.Identity.Contracts;
using Cloud.Messaging;
using Cloud.Persistence;
using Cloud.Primitives;
using Cloud.ServiceDefaults;
using Cloud.ServiceDefaults.Auth;
using Cloud.ServiceDefaults.Changes;
using Cloud.ServiceDefaults.Edge;
using Cloud.ServiceDefaults.Idempotency;
using Cloud.ServiceDefaults.Lists;
using Cloud.ServiceDefaults.OpenApi;
using Cloud.ServiceDefaults.Waiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Cloud.Gateway.Tests.Sample;

/// <summary>What the tests see of a sample service, and how they disturb it.</summary>
public sealed class SampleState
{
    public ConcurrentQueue<CallRefused> Refused { get; } = new();

    /// <summary>Runs after a create has committed and before it answers.</summary>
    public Func<CancellationToken, Task> BeforeAnswer { get; set; } = _ => Task.CompletedTask;
}

/// <summary>A small service that stands where compute does, made as services are made.</summary>
public static class SampleService
{
    public const string Name = "compute";

    public static WebApplicationBuilder AddSample(this WebApplicationBuilder builder, SampleState state)
    {
        builder.Services.AddSingleton(state);
        builder.AddServiceDocument(Name, "Sample", "Notes, to try the gateway on.");
        builder.AddCloudDatabase<SampleDbContext>(Name);
        builder.AddServiceMessaging<SampleDbContext>(
            Name, messaging => messaging.AddHandler<CallRefused, RefusedHandler>().AddTokenRevocation());
        return builder;
    }

    public static void MapSample(this IEndpointRouteBuilder routes)
    {
        var sample = routes.MapGroup("").WithGroupName(Name).WithIdempotency<SampleDbContext>();
        var read = sample.MapGroup("/v1/instances").WithTags("Notes").RequireRole(Role.Viewer);
        read.MapGet("/", ListNotesAsync).WithName("ListNotes").WithSummary("Lists notes");
        read.MapGet("/{id}", GetNoteAsync).WithName("GetNote").WithSummary("Shows a note").Produces<NoteView>();
        read.MapGet("/{id}/target", Target).WithName("ShowTarget").WithSummary("Shows the path as it came");
        read.MapGet("/{id}/console", FollowAsync).WithName("FollowNote").WithSummary("Streams forever");
        read.MapGet("/{id}/console/ws", EchoAsync).WithName("EchoNote").WithSummary("Echoes over WebSocket");
        var change = sample.MapGroup("/v1/instances").WithTags("Notes").RequireRole(Role.Editor);
        change.MapPost("/", CreateNoteAsync).WithName("CreateNote").WithSummary("Makes a note")
            .Produces<NoteView>(StatusCodes.Status201Created)
            .WithExample(
                """
                {"name": "first", "text": "hello", "mood": "very-loud", "size": "2Gi", "count": 3, "labels": {"env": "dev"},
                 "ports": [{"guest": 22}]}
                """);
        change.MapPatch("/{id}", PatchNoteAsync).WithName("PatchNote").WithSummary("Changes a note").WithExample("""{"text": "new"}""");
        change.MapDelete("/{id}", DeleteNoteAsync).WithName("DeleteNote").WithSummary("Removes a note");
        change.MapPost("/{id}/start", StartNoteAsync).WithName("StartNote").WithSummary("Counts up");
        change.MapPut("/{id}/fail", FailNote).WithName("FailNote").WithSummary("Is a bug");
        sample.MapPut("/v1/images/{id}/content", UploadAsync).WithName("Upload").WithSummary("Takes a body")
            .WithTags("Images").WithStreamedBody().RequireRole(Role.Editor);
        sample.MapGet("/v1/hosts", Who).WithName("Who").WithSummary("Shows what a service sees of a call")
            .WithTags("Hosts").RequireRole(Role.Viewer);
        sample.MapPost("/v1/hosts", Who).WithName("WhoChanges").WithSummary("The same for a change")
            .WithTags("Hosts").RequireRole(Role.Viewer);
        sample.MapGet("/internal/v1/secret", () => "secret").WithName("Secret")
            .WithSummary("For the cloud alone").RequireServiceKey().ExcludeFromDescription();
    }

    private static async Task<IResult> CreateNoteAsync(
        CreateNoteRequest request, Caller caller, WaitQuery wait, HttpContext context, SampleDbContext db, SampleState state,
        TimeProvider time, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(ResourceName.IsValid(request.Name), "name", $"Expected {ResourceName.Form}.");
        ResourceName.CheckLabels(request.Labels, errors);
        for (var at = 0; at < (request.Ports?.Count ?? 0); at++)
        {
            errors.Require(request.Ports![at] is { Guest: > 0 and < 65536 }, $"ports[{at}].guest", "Expected a port.");
        }

        errors.ThrowIfAny();
        var note = new Note
        {
            Id = TypedId.New<NoteId>(time),
            Project = caller.Project,
            Name = request.Name,
            Text = request.Text,
            Mood = request.Mood,
            LabelText = new Labels(request.Labels ?? new Dictionary<string, string>()).Text,
        };
        db.Notes.Add(note);
        db.AddEvent("note.created", note);
        try
        {
            await db.SaveChangesAsync(ct);
        }
        catch (DbUpdateException taken) when (taken.IsUniqueViolation())
        {
            throw CloudException.Conflict("name-taken", $"There is a note '{request.Name}'.");
        }

        await state.BeforeAnswer(ct);
        return ResourceResults.Created(context, $"/v1/instances/{note.Id}", NoteView.From(note), note.Version);
    }

    private static async Task<IResult> GetNoteAsync(string id, Caller caller, HttpContext context, SampleDbContext db, CancellationToken ct)
    {
        var note = await FindAsync(db, caller, id, ct);
        return ResourceResults.Ok(context, NoteView.From(note), note.Version);
    }

    private static async Task<Page<NoteView>> ListNotesAsync(
        Caller caller, ListQuery list, HttpContext context, SampleDbContext db, CancellationToken ct)
    {
        var rows = db.Notes.AsNoTracking().Where(note => note.Project == caller.Project && !note.Deleted);
        rows = list.Name is { } name ? rows.Where(note => note.Name == name) : rows;
        if (list.Status is { } word)
        {
            var mood = EnumWords.Parse<NoteMood>(word, "status");
            rows = rows.Where(note => note.Mood == mood);
        }

        foreach (var (key, value) in list.Labels)
        {
            var line = Labels.Line(key, value);
            rows = rows.Where(note => note.LabelText.Contains(line));
        }

        var found = await rows.OrderBy(note => note.Id).Take(list.Limit + 1).ToListAsync(ct);
        return list.ToPage(context, found, note => note.Id.Value, NoteView.From);
    }

    private static async Task<IResult> PatchNoteAsync(
        string id, MergePatch<NoteFields> patch, Caller caller, IfMatch ifMatch, HttpContext context, SampleDbContext db,
        CancellationToken ct)
    {
        var note = await FindAsync(db, caller, id, ct);
        ifMatch.Require(note.Version);
        note.Name = patch.Has(nameof(NoteFields.Name)) ? ResourceName.Require(patch.Fields.Name, "name") : note.Name;
        note.Text = patch.Has(nameof(NoteFields.Text)) ? patch.Fields.Text : note.Text;
        note.LabelText = patch.Has(nameof(NoteFields.Labels))
            ? LabelPatch.Apply(Labels.FromText(note.LabelText), patch.Fields.Labels).Text
            : note.LabelText;
        db.AddEvent("note.changed", note);
        await db.SaveChangesAsync(ct);
        return ResourceResults.Ok(context, NoteView.From(note), note.Version);
    }

    private static async Task<IResult> DeleteNoteAsync(string id, Caller caller, SampleDbContext db, CancellationToken ct)
    {
        var note = await FindAsync(db, caller, id, ct);
        note.Deleted = true;
        db.AddEvent("note.deleted", note);
        await db.SaveChangesAsync(ct);
        return TypedResults.NoContent();
    }

    private static async Task<IResult> StartNoteAsync(
        string id, Caller caller, HttpContext context, SampleDbContext db, SampleState state, CancellationToken ct)
    {
        var note = await FindAsync(db, caller, id, ct);
        note.Starts++;
        db.AddEvent("note.started", note);
        await db.SaveChangesAsync(ct);
        await state.BeforeAnswer(ct);
        return ResourceResults.Accepted(context, NoteView.From(note), note.Version);
    }

    private static async Task<IResult> FailNote(string id, CancellationToken ct)
    {
        if (id == "full-disk")
        {
            await File.WriteAllTextAsync("/dev/full", "text", ct);
        }

        throw new InvalidOperationException($"A bug of {id}.");
    }

    private static async Task<IResult> UploadAsync(string id, HttpContext context, CancellationToken ct)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[64 * 1024];
        long length = 0;
        for (var count = await context.Request.Body.ReadAsync(buffer, ct);
             count > 0;
             count = await context.Request.Body.ReadAsync(buffer, ct))
        {
            hash.AppendData(buffer.AsSpan(0, count));
            length += count;
        }

        return TypedResults.Json(new { Id = id, Length = length, Sha256 = Convert.ToHexStringLower(hash.GetHashAndReset()) });
    }

    private static string Target(string id, HttpContext context) =>
        context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;

    private static object Who(Caller caller, HttpContext context) => new
    {
        caller.Subject,
        caller.Project,
        Role = caller.Role.ToString(),
        Actor = Actor.Current?.Subject,
        RequestId = context.TraceIdentifier,
        TraceId = Activity.Current?.TraceId.ToHexString(),
        Headers = context.Request.Headers.ToDictionary(header => header.Key.ToLowerInvariant(), header => header.Value.ToString()),
    };

    private static async Task FollowAsync(string id, HttpContext context, CancellationToken ct)
    {
        for (var line = 0; ; line++)
        {
            await context.Response.WriteAsync($"{id} {line}\n", ct);
            await context.Response.Body.FlushAsync(ct);
            await Task.Delay(20, ct);
        }
    }

    private static async Task EchoAsync(string id, HttpContext context, CancellationToken ct)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            throw CloudException.Invalid("Upgrade", "Expected a WebSocket.");
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[1024];
        for (var got = await socket.ReceiveAsync(buffer, ct);
             got.MessageType != WebSocketMessageType.Close;
             got = await socket.ReceiveAsync(buffer, ct))
        {
            await socket.SendAsync(buffer.AsMemory(0, got.Count), got.MessageType, got.EndOfMessage, ct);
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, id, ct);
    }

    private static async Task<Note> FindAsync(SampleDbContext db, Caller caller, string id, CancellationToken ct)
    {
        var visible = db.Notes.Where(note => note.Project == caller.Project && !note.Deleted);
        return await (NoteId.TryParse(id, out var noteId)
            ? visible.SingleOrDefaultAsync(note => note.Id == noteId, ct)
            : visible.SingleOrDefaultAsync(note => note.Name == id, ct)) ?? throw CloudException.NotFound("note", id);
    }

    private sealed class RefusedHandler(SampleState state) : IMessageHandler<SampleDbContext, CallRefused>
    {
        public Task HandleAsync(CallRefused message, SampleDbContext db, CancellationToken ct)
        {
            state.Refused.Enqueue(message);
            return Task.CompletedTask;
        }
    }
}
