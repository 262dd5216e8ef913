using System.Globalization;
using Cloud.Compute.Host.Contracts;

namespace Cloud.Compute.Tests.Hosts;

/// <summary>Merging the files of volumes, against a model that knows every byte of each volume and snapshot.</summary>
public sealed class LayerMergerTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Block = 1 << 16;
    private const int Blocks = 48;
    private const int SizeBytes = Blocks * Block;

    private readonly VolumeStoreUnderTest _host = new();

    private IVolumeStore Store => _host.Store;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _host.StartAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Snapshots_OneHundred_LeaveFewFilesBelowAVolume_AndEachHoldsWhatItHeld()
    {
        const int Snapshots = 100;
        await CreateAsync("vol-a");
        for (var number = 0; number < Snapshots; number++)
        {
            await WriteAsync("vol-a", number % Blocks, (byte)(number + 1));
            await SnapshotAsync("vol-a", Name(number));
            await MergeAllAsync();
        }

        (await Store.FindVolumeAsync("vol-a", Ct))!.Layers.ShouldBeInRange(2, 13);
        for (var number = 0; number < Snapshots; number += 7)
        {
            await ExpectAsync(
                Name(number), block => (byte)Enumerable.Range(0, number + 1).LastOrDefault(one => one % Blocks == block, -1) + 1);
            (await ChangedAsync(Name(Snapshots - 1), Name(number))).ShouldBe(
                Enumerable.Range(number + 1, Snapshots - 1 - number).Select(one => one % Blocks).Distinct().Order());
        }

        await _host.RestartAsync();
        await ExpectAsync("vol-a", block => (byte)Enumerable.Range(0, Snapshots).Last(one => one % Blocks == block) + 1);
        for (var number = 0; number < Snapshots - 1; number++)
        {
            await Store.DeleteSnapshotAsync(Name(number), Ct);
        }

        await MergeAllAsync();
        (await Store.FindVolumeAsync("vol-a", Ct))!.Layers.ShouldBe(2);
        Directory.GetFiles(_host.Files).Length.ShouldBe(2);
        await ExpectAsync("vol-a", block => (byte)Enumerable.Range(0, Snapshots).Last(one => one % Blocks == block) + 1);

        static string Name(int number) => string.Create(CultureInfo.InvariantCulture, $"snap-{number}");
    }

    [Fact]
    public async Task Merge_OfZerosOverBytes_KeepsTheZeros_AndTellsThemAsChanged()
    {
        await CreateAsync("vol-a");
        await WriteAsync("vol-a", 3, 1);
        await SnapshotAsync("vol-a", "snap-1");
        await WriteAsync("vol-a", 3, 0);
        await SnapshotAsync("vol-a", "snap-2");
        await WriteAsync("vol-a", 4, 2);
        await SnapshotAsync("vol-a", "snap-3");
        await Store.DeleteSnapshotAsync("snap-2", Ct);
        await MergeAllAsync();
        (await ChangedAsync("snap-3", "snap-1")).ShouldBe([3, 4]);
        await Store.DeleteSnapshotAsync("snap-3", Ct);
        await MergeAllAsync();
        await ExpectAsync("vol-a", block => block == 4 ? 2 : 0);
        await ExpectAsync("snap-1", block => block == 3 ? 1 : 0);
    }

    [Fact]
    public async Task Files_AreMergedWhileTheyAreReadFrom()
    {
        await CreateAsync("vol-a");
        for (var number = 1; number <= 4; number++)
        {
            await WriteAsync("vol-a", number, (byte)number);
            await SnapshotAsync("vol-a", $"snap-{number}");
        }

        await using var reading = await Store.ReadContentAsync("snap-4", 0, SizeBytes, Ct);
        await Store.DeleteSnapshotAsync("snap-2", Ct);
        await Store.DeleteSnapshotAsync("snap-3", Ct);
        await MergeAllAsync();
        using var all = new MemoryStream();
        await reading.CopyToAsync(all, Ct);
        all.ToArray().Where((_, at) => at % Block == 0).Take(6).ShouldBe<byte>([0, 1, 2, 3, 4, 0]);
    }

    [Fact]
    public async Task Anything_InAnyOrder_HoldsWhatTheModelHolds()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("CLOUD_TEST_SEED"), CultureInfo.InvariantCulture, out var given)
            ? given
            : Environment.TickCount;
        var rounds = int.Parse(Environment.GetEnvironmentVariable("CLOUD_TEST_ROUNDS") ?? "1", CultureInfo.InvariantCulture);
        output.WriteLine($"CLOUD_TEST_SEED={seed} CLOUD_TEST_ROUNDS={rounds}");
        var random = new Random(seed);
        await CreateAsync("vol-0");
        var model = new Model();
        model.Volumes["vol-0"] = new byte[Blocks];
        for (var step = 1; step <= 120 * rounds; step++)
        {
            await StepAsync(model, random, step);
        }

        await MergeAllAsync();
        foreach (var (name, bytes) in model.Volumes.Concat(model.Snapshots))
        {
            await ExpectAsync(name, block => bytes[block]);
        }

        foreach (var name in model.Volumes.Keys)
        {
            (await Store.FindVolumeAsync(name, Ct))!.Layers.ShouldBeLessThanOrEqualTo(13);
        }
    }

    private async Task StepAsync(Model model, Random random, int step)
    {
        var volume = model.Volumes.Keys.Order().ElementAt(random.Next(model.Volumes.Count));
        var snapshot = model.Snapshots.Count == 0 ? null : model.Snapshots.Keys.Order().ElementAt(random.Next(model.Snapshots.Count));
        switch (random.Next(10))
        {
            case <= 2:
                var (block, value) = (random.Next(Blocks), (byte)random.Next(4));
                await WriteAsync(volume, block, value);
                model.Volumes[volume][block] = value;
                break;
            case <= 5:
                await SnapshotAsync(volume, $"snap-{step}");
                model.Snapshots[$"snap-{step}"] = [.. model.Volumes[volume]];
                break;
            case 6 when snapshot is not null:
                await Store.DeleteSnapshotAsync(snapshot, Ct);
                model.Snapshots.Remove(snapshot);
                break;
            case 7 when snapshot is not null:
                await Store.RestoreVolumeAsync(volume, snapshot, Ct);
                model.Volumes[volume] = [.. model.Snapshots[snapshot]];
                break;
            case 8 when snapshot is not null && model.Volumes.Count < 4:
                await Store.CreateVolumeAsync(
                    new VolumeSpec { Id = $"vol-{step}", SizeBytes = SizeBytes, Format = "qcow2", Snapshot = snapshot }, Ct);
                model.Volumes[$"vol-{step}"] = [.. model.Snapshots[snapshot]];
                break;
            case 9 when snapshot is not null:
                var other = model.Snapshots.Keys.Order().ElementAt(random.Next(model.Snapshots.Count));
                var differ = Enumerable.Range(0, Blocks).Where(at => model.Snapshots[snapshot][at] != model.Snapshots[other][at]);
                differ.Except(await ChangedAsync(snapshot, other)).ShouldBeEmpty($"{snapshot} since {other} in step {step}");
                break;
            default:
                await _host.Merger.MergeNextAsync(Ct);
                break;
        }
    }

    private async Task MergeAllAsync()
    {
        while (await _host.Merger.MergeNextAsync(Ct))
        {
        }
    }

    private Task<StoredVolume> CreateAsync(string id) =>
        Store.CreateVolumeAsync(new VolumeSpec { Id = id, SizeBytes = SizeBytes, Format = "qcow2" }, Ct);

    private Task<IReadOnlyList<StoredSnapshot>> SnapshotAsync(string volume, string snapshot) =>
        Store.SnapshotVolumesAsync(new Dictionary<string, string> { [volume] = snapshot }, Ct);

    private async Task WriteAsync(string volume, int block, byte value)
    {
        var bytes = new byte[Block];
        bytes.AsSpan().Fill(value);
        await Store.WriteContentAsync(volume, (long)block * Block, new MemoryStream(bytes), Ct);
    }

    /// <summary>Each block is of one value.</summary>
    private async Task ExpectAsync(string source, Func<int, int> expected)
    {
        await using var content = await Store.ReadContentAsync(source, 0, SizeBytes, Ct);
        var bytes = new byte[Block];
        for (var block = 0; block < Blocks; block++)
        {
            await content.ReadExactlyAsync(bytes, Ct);
            bytes.AsSpan().IndexOfAnyExcept((byte)expected(block)).ShouldBe(-1, $"{source}, block {block}");
        }
    }

    private async Task<IEnumerable<int>> ChangedAsync(string snapshot, string since) =>
        (await Store.ListExtentsAsync(snapshot, since, 0, 1000, Ct)).Extents
        .SelectMany(extent => Enumerable.Range((int)(extent.Offset / Block), (int)(extent.LengthBytes / Block)));

    private sealed record Model
    {
        public Dictionary<string, byte[]> Volumes { get; } = [];

        public Dictionary<string, byte[]> Snapshots { get; } = [];
    }
}
