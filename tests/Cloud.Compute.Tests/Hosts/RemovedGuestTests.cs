using Cloud.Compute.Host;
using Cloud.Compute.Host.Containers;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Host.Guests;
using Cloud.Compute.Host.Snapshots;
using Cloud.Compute.Host.Volumes;
using Cloud.Primitives;
using Cloud.Switch.Client;
using Cloud.Vmm;
using Microsoft.Extensions.Options;

namespace Cloud.Compute.Tests.Hosts;

/// <summary>Whoever still holds a guest that was removed meanwhile hears so; its host goes on.</summary>
public sealed class RemovedGuestTests : IDisposable
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    private readonly string _folder = Directory.CreateTempSubdirectory("cloud-guest-").FullName;

    [Fact]
    public async Task Guest_ThatWasRemoved_StartsNoMore_AndHoldsNobodyUp()
    {
        var options = Options.Create(new HostOptions { Folder = _folder, VolumeKeyFile = Path.Combine(_folder, "volumes.key") });
        using var volumes = new VolumeFiles(options);
        var spec = Spec();
        var guest = new Guest(
            new GuestFolder(_folder, spec.Id), spec, new NoDriver(), new ContainerImages(options), volumes, new SnapshotFiles(options),
            TimeProvider.System, _ => { });
        await guest.DefineAsync(spec, new NoDisks(), Ct);

        await guest.RemoveAsync(Ct);
        await guest.DisposeAsync();

        (await guest.ReplaceRootLayersAsync(["a", "b"], "merged", Ct)).ShouldBeTrue("what merges files goes on with the other guests");
        var nic = new VmNic(spec.MacAddress, "switch", "guest");
        foreach (var act in (Func<Task>[])
            [() => guest.StartAsync(nic, Ct), () => guest.DefineAsync(spec, new NoDisks(), Ct), () => guest.PauseAsync(Ct)])
        {
            (await Should.ThrowAsync<CloudException>(act)).Kind.ShouldBe(ErrorKind.NotFound);
        }

        Directory.Exists(Path.Combine(_folder, spec.Id)).ShouldBeFalse();
        await guest.RemoveAsync(Ct);
        await guest.DisposeAsync();
    }

    /// <summary>Its host is asked while it deletes the last of it, and a guest that is here already would not be let come.</summary>
    [Fact]
    public void Folder_OfAGuestThatIsAway_IsNotHereWhileItGoes()
    {
        var folder = new GuestFolder(_folder, "i-1");
        folder.Make();
        folder.SayPresence(PortPresence.Away);
        var adopted = new GuestFolder(_folder, "i-1");
        adopted.Presence.ShouldBe(PortPresence.Away);

        folder.Delete();

        folder.Presence.ShouldBe(PortPresence.Away);
        adopted.Presence.ShouldBe(PortPresence.Away);
        new GuestFolder(_folder, "i-1").Presence.ShouldBe(PortPresence.Here);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private GuestSpec Spec() => new()
    {
        Id = "i-1",
        Project = "p-1",
        ProjectName = "p",
        HostName = "one",
        Engine = "emulation",
        Vcpus = 1,
        MemoryBytes = 1,
        RootDiskBytes = 1,
        Image = new GuestImage { Id = "img-1", Architecture = "x86_64", Folder = _folder, Disk = "none", DiskFormat = "qcow2" },
        MacAddress = "02:00:00:00:00:01",
        Address = "10.80.0.16",
    };
}
