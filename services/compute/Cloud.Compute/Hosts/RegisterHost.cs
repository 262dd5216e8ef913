using Cloud.Compute.Host.Contracts;

namespace Cloud.Compute.Hosts;

/// <summary><c>POST /internal/v1/hosts</c>: a host's agent says where it listens. What the host is, it is asked itself.</summary>
internal static class RegisterHost
{
    public static IResult Handle(HostRegistration registration, HostLinks links)
    {
        links.Link(registration.Url);
        return TypedResults.NoContent();
    }
}
