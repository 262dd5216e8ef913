using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Images;

namespace Cloud.Compute.Instances;

/// <summary>What a host is told of an instance.</summary>
internal static class GuestSpecs
{
    /// <summary>An image's files as they are now.</summary>
    public static GuestImage FilesOf(Image image) => new()
    {
        Id = image.Id.Value,
        Architecture = image.Architecture,
        Folder = image.Folder!,
        Disk = image.Disk,
        DiskFormat = image.DiskFormat,
        Kernel = image.Kernel,
        Initrd = image.Initrd,
        CommandLine = image.CommandLine,
        BootReport = image.BootReport,
        GuestAgent = image.GuestAgent,
    };

    /// <param name="instance">One that has its image's files (<see cref="Instance.BootsFrom"/>).</param>
    public static GuestSpec Of(Instance instance) => new()
    {
        Id = instance.Id.Value,
        // Guests of one project share a network; what is alone in its own reaches nobody.
        Project = instance.Origin?.Isolated == true ? instance.Id.Value : instance.Project,
        ProjectName = instance.ProjectName,
        HostName = instance.Name,
        Engine = instance.Engine!,
        Vcpus = instance.Vcpus,
        MemoryBytes = instance.MemoryBytes,
        RootDiskBytes = instance.RootDiskBytes,
        Image = instance.BootsFrom!,
        ForkOf = instance.GoesOnWarm ? instance.WarmFrom : instance.ForkOf,
        BeginsAnew = instance.GoesOnWarm,
        // It ran when the disk that this instance goes on from was new.
        UserData = instance.Origin is null ? instance.UserData : null,
        RootOf = instance.Container is null ? instance.Origin?.RootOf : null,
        AuthorizedKeys = instance.AuthorizedKeys,
        MacAddress = instance.MacAddress,
        Address = instance.Address,
        Ports = instance.Ports.Select(port => new GuestPort(port.Guest, port.Port)).ToList(),
        Container = instance.Container is { } container
            ? new GuestContainer
            {
                Command = container.Command,
                Environment = container.Environment,
                ReadOnlyRoot = container.ReadOnlyRoot,
                Mounts = container.Mounts,
                HasNoNetwork = container.HasNoNetwork,
                Listeners = container.Listeners.Select(listener => new GuestListener(listener.Name, listener.Port)).ToList(),
            }
            : null,
    };
}
