using Cloud.Compute.Contracts;
using Cloud.Compute.Host.Contracts;
using Cloud.Compute.Hosts;
using Cloud.Compute.Images;
using Cloud.Compute.Instances;
using Cloud.Compute.Persistence;
using Cloud.Primitives;
using Microsoft.EntityFrameworkCore;

namespace Cloud.Compute.Volumes;

/// <summary>What block storage asks, passed on to the agent of the host in question.</summary>
internal sealed class VolumeHosts(IDbContextFactory<ComputeDbContext> databases, HostDirectory hosts, TimeProvider time) : IVolumeHosts
{
    /// <summary>
    /// The first that there was: an instance's volumes lie on one host, so they are spread where they are asked to be, not by chance.
    /// </summary>
    public async Task<VolumeHost> ChooseAsync(CancellationToken ct) => await FindAsync(null, null, ct)
        ?? throw new CloudException(ErrorKind.Unavailable, "no-host", "There is no host yet that could hold a volume. Try again.");

    public async Task<VolumeHost> ChooseOtherAsync(string from, string? named, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var name = named is null ? null : (await db.Hosts.AsNoTracking().FindNamedAsync(named, ct)).Name;
        return name == from
            ? throw CloudException.Conflict("already-there", $"The volume is on host '{from}' already.")
            : await FindAsync(from, name, ct) ?? throw CloudException.Conflict(
                "no-capacity", name is null ? "There is no other host in use." : $"Host '{name}' is drained, or does not answer.");
    }

    public async Task<IReadOnlyList<string>> ListDrainedAsync(CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Hosts.AsNoTracking().Where(host => host.IsDrained).Select(host => host.Name).ToListAsync(ct);
    }

    public async Task CopyToAsync(string host, string volume, string to, CancellationToken ct) =>
        await hosts.AgentOf(host).Volumes.SendVolumeAsync(volume, await hosts.AgentOf(to).Volumes.AwaitVolumeAsync(volume, ct), ct);

    public Task KeepAsync(string host, string volume, CancellationToken ct) => hosts.AgentOf(host).Volumes.KeepVolumeAsync(volume, ct);

    public Task ForgetAsync(string host, string volume, CancellationToken ct) =>
        hosts.AgentOf(host).Volumes.ForgetVolumeAsync(volume, ct);

    public async Task PutAsync(HostedVolume volume, CancellationToken ct)
    {
        var store = hosts.AgentOf(volume.Host).Volumes;
        var made = await store.FindVolumeAsync(volume.Volume, ct) ?? await store.CreateVolumeAsync(
            new VolumeSpec
            {
                Id = volume.Volume,
                SizeBytes = volume.SizeBytes,
                Format = volume.Raw ? "raw" : "qcow2",
                Encrypted = volume.Encrypted,
                WriteThrough = volume.WriteThrough,
                Image = volume.Image is { } image ? await FilesOfAsync(image, ct) : null,
                Snapshot = volume.Snapshot,
                Volume = volume.Source,
            },
            ct);
        if (made.SizeBytes < volume.SizeBytes)
        {
            await store.ResizeVolumeAsync(volume.Volume, volume.SizeBytes, ct);
        }
    }

    public Task DeleteAsync(string host, string volume, CancellationToken ct) =>
        hosts.AgentOf(host).Volumes.DeleteVolumeAsync(volume, ct);

    public async Task<IReadOnlyList<HeldVolume>> ListAsync(string host, CancellationToken ct) =>
        (await hosts.AgentOf(host).Volumes.ListVolumesAsync(ct)).Select(volume => new HeldVolume(volume.Id, volume.Guest)).ToList();

    public async Task<IReadOnlyList<HostedSnapshot>> SnapshotAsync(
        string host, IReadOnlyDictionary<string, string> snapshots, CancellationToken ct) =>
        (await hosts.AgentOf(host).Volumes.SnapshotVolumesAsync(snapshots, ct))
        .Select(taken => new HostedSnapshot(taken.Id, taken.Volume, taken.SizeBytes, taken.FileSystemsFrozen)).ToList();

    public Task DeleteSnapshotAsync(string host, string snapshot, CancellationToken ct) =>
        hosts.AgentOf(host).Volumes.DeleteSnapshotAsync(snapshot, ct);

    public Task RestoreAsync(string host, string volume, string snapshot, CancellationToken ct) =>
        hosts.AgentOf(host).Volumes.RestoreVolumeAsync(volume, snapshot, ct);

    public Task<Stream> ReadContentAsync(string host, string source, long offset, long lengthBytes, CancellationToken ct) =>
        hosts.AgentOf(host).Volumes.ReadContentAsync(source, offset, lengthBytes, ct);

    public Task WriteContentAsync(string host, string volume, long offset, Stream content, CancellationToken ct) =>
        hosts.AgentOf(host).Volumes.WriteContentAsync(volume, offset, content, ct);

    public async Task<HostedExtents> ListExtentsAsync(
        string host, string snapshot, string? since, long offset, int countMax, CancellationToken ct)
    {
        var page = await hosts.AgentOf(host).Volumes.ListExtentsAsync(snapshot, since, offset, countMax, ct);
        return new HostedExtents(
            page.Extents.Select(extent => new HostedExtent(extent.Offset, extent.LengthBytes)).ToList(), page.NextOffset);
    }

    public Task StageAsync(string host, string volume, long offset, Stream content, CancellationToken ct) =>
        hosts.AgentOf(host).Volumes.StageAsync(volume, offset, content, ct);

    public Task<long?> ImportAsync(string host, string volume, long fileBytes, long from, CancellationToken ct) =>
        hosts.AgentOf(host).Volumes.ImportAsync(volume, fileBytes, from, ct);

    public async Task<HostedVolumeMetrics> ReadMetricsAsync(string host, string volume, CancellationToken ct)
    {
        var metrics = await hosts.AgentOf(host).Volumes.ReadVolumeMetricsAsync(volume, ct)
            ?? throw CloudException.NotFound("volume", volume);
        return new HostedVolumeMetrics(metrics.StoredBytes, metrics.Layers, metrics.Disk is { } disk
            ? new HostedDiskMetrics(
                disk.ReadBytes, disk.ReadOperations, disk.ReadSeconds, disk.WrittenBytes, disk.WriteOperations, disk.WriteSeconds,
                disk.FlushOperations, disk.FlushSeconds)
            : null);
    }

    public async Task<VolumeImage> CreateImageAsync(NewVolumeImage image, CancellationToken ct)
    {
        var request = new CreateImageRequest
        {
            Name = image.Name,
            Description = image.Description,
            Architecture = image.Architecture,
            GuestAgent = image.GuestAgent,
            LoginUser = image.LoginUser,
            UserData = image.UserData,
            Labels = image.Labels,
        };
        CreateImage.Check(request);
        await using var db = await databases.CreateDbContextAsync(ct);
        var made = await CreateImage.StartAsync(request, image.Project, ImageImport.FromVolume + image.Source, db, time, ct);
        return new VolumeImage(made.Id.Value, made.Name, 0);
    }

    public async Task RotateMasterKeysAsync(CancellationToken ct)
    {
        foreach (var host in hosts.Known)
        {
            await hosts.AgentOf(host.Name).Volumes.RotateMasterKeyAsync(ct);
        }
    }

    public async Task<IReadOnlyList<HostMasterKey>> ReadMasterKeysAsync(CancellationToken ct)
    {
        var keys = new List<HostMasterKey>();
        foreach (var host in hosts.Known)
        {
            keys.Add(new HostMasterKey(host.Name, (await hosts.AgentOf(host.Name).Volumes.ReadMasterKeyAsync(ct)).Key));
        }

        return keys;
    }

    public async Task<VolumeImage?> FindImageAsync(string project, string image, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var found = await db.Images.AsNoTracking().Where(row => row.Project == null || row.Project == project)
            .OrderByDescending(row => row.Project)
            .Where(row => row.Status == ImageStatus.Active && row.DiskFormat != Image.ContainerFormat)
            .FirstOrDefaultAsync(row => row.Name == image || (string)(object)row.Id == image, ct);
        return found is null ? null : new VolumeImage(found.Id.Value, found.Name, found.DiskSizeBytes);
    }

    public async Task<VolumeInstance?> FindInstanceAsync(string project, string instance, CancellationToken ct) =>
        await FindAsync(instance, ct) is { } row && row.Project == project
            ? new VolumeInstance(row.Id.Value, row.HostName, row.Status == InstanceStatus.Deleting)
            : null;

    public async Task PlugAsync(PluggedVolume volume, CancellationToken ct)
    {
        var instance = await FindAsync(volume.Instance, ct) ?? throw CloudException.NotFound("instance", volume.Instance);
        if (instance.Status is InstanceStatus.Deleting)
        {
            throw CloudException.Conflict("instance-deleting", "The instance is being deleted.");
        }

        if (instance.HostName != volume.Host)
        {
            throw CloudException.Conflict(
                "volume-elsewhere", $"The volume is on host '{volume.Host}' and the instance on '{instance.HostName}'.");
        }

        await hosts.AgentOf(volume.Host).AttachVolumeAsync(
            volume.Instance, new GuestVolume(volume.Volume, volume.ReadOnly, volume.OperationsPerSecond, volume.BytesPerSecond), ct);
    }

    public async Task UnplugAsync(string instance, string volume, bool force, CancellationToken ct)
    {
        if (await FindAsync(instance, ct) is not { HostName: { } host })
        {
            return;
        }

        try
        {
            await hosts.AgentOf(host).DetachVolumeAsync(instance, volume, force, ct);
        }
        catch (CloudException gone) when (gone.Kind == ErrorKind.NotFound)
        {
            // Its guest is gone, and what it had with it.
        }
    }

    private async Task<VolumeHost?> FindAsync(string? butNot, string? name, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        var answering = hosts.Known.Select(host => host.Name).Where(one => one != butNot && (name is null || one == name)).ToList();
        var inUse = await db.Hosts.AsNoTracking().Where(host => answering.Contains(host.Name) && !host.IsDrained).OrderBy(host => host.Id)
            .FirstOrDefaultAsync(ct);
        return inUse is null ? null : new VolumeHost(inUse.Name);
    }

    private async Task<GuestImage> FilesOfAsync(string id, CancellationToken ct)
    {
        await using var db = await databases.CreateDbContextAsync(ct);
        return ImageId.TryParse(id, out var imageId)
            && await db.Images.AsNoTracking().SingleOrDefaultAsync(row => row.Id == imageId, ct) is { Status: ImageStatus.Active } image
            ? GuestSpecs.FilesOf(image)
            : throw CloudException.NotFound("image", id);
    }

    private async Task<Instance?> FindAsync(string id, CancellationToken ct)
    {
        if (!InstanceId.TryParse(id, out var instanceId))
        {
            return null;
        }

        await using var db = await databases.CreateDbContextAsync(ct);
        return await db.Instances.AsNoTracking().Existing().SingleOrDefaultAsync(row => row.Id == instanceId, ct);
    }
}
