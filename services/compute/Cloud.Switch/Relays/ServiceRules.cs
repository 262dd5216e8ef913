using Cloud.Switch.Client;
using Cloud.Switch.Ports;

namespace Cloud.Switch.Relays;

/// <summary>What the servers that guests reach may be: their ids become names of files, their names answers of DNS.</summary>
internal static class ServiceRules
{
    private const int ServicesMax = 10_000;
    private const int NamesMax = 4;

    /// <exception cref="SwitchException">What is wrong with one of them.</exception>
    public static void Check(IReadOnlyList<SwitchService> services)
    {
        Require(services.Count <= ServicesMax, $"There are at most {ServicesMax} services.");
        foreach (var service in services)
        {
            Require(PortRules.IsId(service.Id), "The id has letters, digits and '-' only.");
            Require(PortRules.IsProject(service.Project), "A service has a project.");
            Require(
                service.Names is { Count: > 0 and <= NamesMax } names && names.All(PortRules.IsHostName), "A name is one label of DNS.");
            Require(
                PortRules.TryReadAddress(service.Address, out var address) && NetworkPlan.IsService(address),
                "The address is a service's, in 10.80.15.0/24.");
            Require(IsPortNumber(service.Port) && IsPortNumber(service.HostPort), "A port's number is 1 to 65535.");
        }

        Require(services.DistinctBy(service => service.Id).Count() == services.Count, "An id is one service's.");
        Require(
            services.DistinctBy(service => (service.Project, service.Address)).Count() == services.Count,
            "An address of a project is one service's.");
    }

    private static bool IsPortNumber(int number) => number is > 0 and <= ushort.MaxValue;

    private static void Require(bool right, string rule)
    {
        if (!right)
        {
            throw new SwitchException("invalid-service", rule);
        }
    }
}
