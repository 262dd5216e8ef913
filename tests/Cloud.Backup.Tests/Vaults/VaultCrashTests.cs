using System.Globalization;
using Cloud.Backup.Vaults;

namespace Cloud.Backup.Tests.Vaults;

/// <summary>A process that dies at any write leaves a vault whose points all restore, and that a prune brings to its size.</summary>
public sealed class VaultCrashTests
{
    private const int Size = 1024 * 1024;
    private const int WritesOfALife = 34;
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task DeathAtAnyWrite_OfBackupOrPrune_LosesNoPoint_AndLeaksNothing()
    {
        var seed = int.Parse(Environment.GetEnvironmentVariable("CLOUD_TEST_SEED") ?? "5", CultureInfo.InvariantCulture);
        TestContext.Current.TestOutputHelper!.WriteLine($"CLOUD_TEST_SEED={seed}");
        var deaths = 0;
        var rounds = int.Parse(Environment.GetEnvironmentVariable("CLOUD_TEST_ROUNDS") ?? "34", CultureInfo.InvariantCulture);
        for (var death = 0; death < rounds; death++)
        {
            using var test = new TestVault();
            var random = new Random(seed + death);
            var volumes = new Dictionary<string, byte[]>(StringComparer.Ordinal);
            test.Storage.DieAfter(death % WritesOfALife);
            try
            {
                await LiveAsync(test, random, volumes);
            }
            catch (IOException) when (test.Storage.IsDead)
            {
                deaths++;
            }

            if (!File.Exists(Path.Combine(test.Folder, "vault.json")))
            {
                continue;
            }

            var vault = await test.ReopenAsync();
            foreach (var point in await vault.ListPointsAsync(None))
            {
                (await TestVault.RestoreAsync(vault, point)).AsSpan().SequenceEqual(volumes[point]).ShouldBeTrue($"{point}, {death}");
            }

            await vault.PruneAsync(None);
            (await vault.VerifyAsync(None)).Lost.ShouldBeEmpty();
            var needed = 0L;
            foreach (var point in await vault.ListPointsAsync(None))
            {
                (await TestVault.RestoreAsync(vault, point)).AsSpan().SequenceEqual(volumes[point]).ShouldBeTrue($"{point}, {death}");
                needed += Size;
            }

            // Half of every byte is noise, so a volume takes about half its size; a tenth of a pack may be waste.
            test.PackBytes().ShouldBeLessThanOrEqualTo((long)(needed * 0.8), $"{death}");
        }

        deaths.ShouldBeGreaterThan(rounds / 2);
    }

    private static async Task LiveAsync(TestVault test, Random random, Dictionary<string, byte[]> volumes)
    {
        var vault = await test.OpenAsync();
        PointDocument? earlier = null;
        var volume = TestVault.Bytes(random, Size);
        for (var round = 0; round < 4; round++)
        {
            var id = $"rp-{round}";
            volumes[id] = volume.ToArray();
            earlier = await TestVault.SaveAsync(
                vault, id, volume, earlier, earlier is null ? null : [new ByteRun(round * 200_000, 100_000)]);
            TestVault.Bytes(random, 100_000).CopyTo(volume, (round + 1) * 200_000);
            var other = $"rp-other-{round}";
            volumes[other] = TestVault.Bytes(random, Size);
            await TestVault.SaveAsync(vault, other, volumes[other]);
            await vault.DeletePointAsync(other, None);
            await vault.DeletePointAsync($"rp-{round - 2}", None);
            await vault.PruneAsync(None);
        }
    }
}
