using System.Net;
using System.Text;
using Cloud.ServiceDefaults.Auth;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Shouldly;
using Xunit;

namespace Cloud.Testing.Authorization;

/// <summary>
/// Walks every route of a running host: each must say who may call it, or stand in the list of those that are open; and each is called
/// without a token, with too low a role, and, if it is for the cloud's own processes, with an admin's token. A service's tests inherit it,
/// so a new route that forgot its role fails them. Refusals come before a handler runs, so nothing is changed by the walk.
/// </summary>
public abstract class RouteAuthorization
{
    /// <summary>The host's routes: its <see cref="EndpointDataSource"/>.</summary>
    protected abstract EndpointDataSource Routes { get; }

    /// <summary>With the host's address.</summary>
    protected abstract HttpClient Http { get; }

    /// <summary>The routes that anybody may call, as <c>GET /health/live</c>.</summary>
    protected abstract IReadOnlySet<string> OpenRoutes { get; }

    /// <summary>Lets the request carry a valid token with this role, as the host takes it.</summary>
    protected abstract Task AuthorizeAsync(HttpRequestMessage request, Role role);

    [Fact]
    public void EveryRoute_SaysWhoMayCallIt()
    {
        var unsaid = All().Where(route => route.Least is null && !route.IsInternal && !OpenRoutes.Contains(route.Name))
            .Select(route => route.Name);
        unsaid.ShouldBeEmpty("these routes have neither RequireRole nor RequireServiceKey, and are not in the list of open ones");
    }

    [Fact]
    public void EveryOpenRoute_IsThereAndAsksForNothing()
    {
        var open = All().Where(route => route.IsOpen).Select(route => route.Name).ToList();
        open.ShouldBe(OpenRoutes, ignoreOrder: true, "the routes that let anybody in, and the list of them");
    }

    [Fact]
    public async Task EveryRoute_WithoutAToken_Answers401()
    {
        var wrong = new List<string>();
        foreach (var route in Guarded())
        {
            using var request = route.NewRequest();
            await ExpectAsync(request, route, [HttpStatusCode.Unauthorized], wrong);
        }

        wrong.ShouldBeEmpty();
    }

    [Fact]
    public async Task EveryRoute_WithAWrongToken_Answers401()
    {
        var wrong = new List<string>();
        foreach (var route in Guarded())
        {
            foreach (var authorization in new[] { "Bearer x", "Bearer a.b.c", "Basic YTpi", "Service x", "Bearer " })
            {
                using var request = route.NewRequest();
                request.Headers.TryAddWithoutValidation("Authorization", authorization);
                await ExpectAsync(request, route, [HttpStatusCode.Unauthorized], wrong);
            }
        }

        wrong.ShouldBeEmpty();
    }

    [Fact]
    public async Task EveryRoute_WithTooLowARole_Answers403()
    {
        var wrong = new List<string>();
        foreach (var route in Guarded().Where(route => route.Least > Role.Viewer))
        {
            for (var role = Role.Viewer; role < route.Least; role++)
            {
                using var request = route.NewRequest();
                await AuthorizeAsync(request, role);
                await ExpectAsync(request, route, [HttpStatusCode.Forbidden], wrong);
            }
        }

        wrong.ShouldBeEmpty();
    }

    [Fact]
    public async Task EveryInternalRoute_WithAnAdminsToken_IsRefused()
    {
        var wrong = new List<string>();
        foreach (var route in All().Where(route => route.IsInternal))
        {
            using var request = route.NewRequest();
            await AuthorizeAsync(request, Role.Admin);
            await ExpectAsync(request, route, [HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden, HttpStatusCode.NotFound], wrong);
        }

        wrong.ShouldBeEmpty();
    }

    private IEnumerable<GuardedRoute> Guarded() => All().Where(route => !route.IsOpen);

    private IEnumerable<GuardedRoute> All() => Routes.Endpoints.OfType<RouteEndpoint>().SelectMany(GuardedRoute.Of);

    private async Task ExpectAsync(HttpRequestMessage request, GuardedRoute route, HttpStatusCode[] expected, List<string> wrong)
    {
        using var answer = await Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        if (!expected.Contains(answer.StatusCode) && !(route.IsInternal && answer.StatusCode == HttpStatusCode.NotFound))
        {
            wrong.Add($"{route.Name} with '{request.Headers.Authorization?.Scheme}' answered {(int)answer.StatusCode}");
        }
    }

    private sealed record GuardedRoute(string Method, string Pattern, Role? Least, bool IsInternal, bool IsOpen)
    {
        public string Name => $"{Method} {Pattern}";

        public static IEnumerable<GuardedRoute> Of(RouteEndpoint endpoint)
        {
            var metadata = endpoint.Metadata;
            var roles = metadata.GetOrderedMetadata<LeastRole>().Select(least => (Role?)least.Role).ToList();
            var methods = metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? [];
            foreach (var method in methods.Count > 0 ? methods : ["GET"])
            {
                yield return new GuardedRoute(
                    method,
                    "/" + endpoint.RoutePattern.RawText?.Trim('/'),
                    roles.Max(),
                    metadata.GetMetadata<NeedsServiceKey>() is not null,
                    metadata.GetMetadata<IAllowAnonymous>() is not null);
            }
        }

        public HttpRequestMessage NewRequest()
        {
            var parts = RoutePatternFactory.Parse(Pattern).PathSegments.Select(segment =>
                string.Concat(segment.Parts.Select(part => part is RoutePatternLiteralPart literal ? literal.Content : "1")));
            var request = new HttpRequestMessage(new HttpMethod(Method), "/" + string.Join('/', parts));
            if (Method is "POST" or "PUT" or "PATCH")
            {
                request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
            }

            return request;
        }
    }
}
