using System.Diagnostics;
using Cloud.Vmm.RiscV.Isa;

namespace Cloud.Vmm.RiscV.Tests.LockStep;

/// <summary>
/// Random streams of every instruction, here and on qemu-system-riscv64: any register, flag, trap or byte of memory that differs fails.
/// </summary>
public sealed class LockStepTests
{
    private const int InstructionsPerStream = 1500;
    private const int StepsMax = 2_000_000;

    /// <summary>How many streams; CLOUD_LOCKSTEP_STREAMS makes it more.</summary>
    private static int Streams =>
        int.TryParse(Environment.GetEnvironmentVariable("CLOUD_LOCKSTEP_STREAMS"), out int streams) ? streams : 25;

    [Fact]
    public async Task Streams_OnQemuAndHere_EndInTheSameState()
    {
        int first = int.TryParse(Environment.GetEnvironmentVariable("CLOUD_LOCKSTEP_SEED"), out int given) ? given : 1;
        for (int seed = first; seed < first + Streams; seed++)
        {
            byte[] program = StreamProgram.Build(seed, InstructionsPerStream, out _);
            string expected = await RunOnQemuAsync(program, TestContext.Current.CancellationToken);
            foreach (bool translate in (bool[])[false, true])
            {
                if (RunHere(program, translate) != expected)
                {
                    string difference = await FirstDifferenceAsync(seed, translate, TestContext.Current.CancellationToken);
                    Assert.Fail($"Seed {seed}, {(translate ? "translated" : "interpreted")}: {difference}");
                }
            }
        }
    }

    private static string RunHere(byte[] program, bool translate)
    {
        using var board = new Board(program, translate);
        board.RunToEnd(StepsMax).ShouldBeTrue("The stream did not come to its end.");
        return board.Printed;
    }

    private static async Task<string> RunOnQemuAsync(byte[] program, CancellationToken ct)
    {
        string path = Path.Combine(Path.GetTempPath(), $"cloud-stream-{Guid.NewGuid():n}.bin");
        await File.WriteAllBytesAsync(path, program, ct);
        try
        {
            var start = new ProcessStartInfo("qemu-system-riscv64") { RedirectStandardOutput = true };
            string[] arguments = ["-M", "virt", "-m", "8M", "-nographic", "-bios", path, "-monitor", "none", "-serial", "stdio"];
            foreach (string argument in arguments)
            {
                start.ArgumentList.Add(argument);
            }

            using Process qemu = Process.Start(start)!;
            string printed = await qemu.StandardOutput.ReadToEndAsync(ct).WaitAsync(TimeSpan.FromSeconds(60), ct);
            await qemu.WaitForExitAsync(ct);
            return printed;
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Shortens the stream to the first instruction that makes a difference.</summary>
    private static async Task<string> FirstDifferenceAsync(int seed, bool translate, CancellationToken ct)
    {
        int good = 0;
        int bad = InstructionsPerStream;
        while (bad - good > 1)
        {
            int middle = (good + bad) / 2;
            byte[] program = StreamProgram.Build(seed, middle, out _);
            if (RunHere(program, translate) == await RunOnQemuAsync(program, ct))
            {
                good = middle;
            }
            else
            {
                bad = middle;
            }
        }

        byte[] minimal = StreamProgram.Build(seed, bad, out Instruction last);
        string[] expected = (await RunOnQemuAsync(minimal, ct)).Split('\n');
        string[] actual = RunHere(minimal, translate).Split('\n');
        IEnumerable<string> lines = expected.Zip(actual).Select((pair, line) => (pair, line))
            .Where(each => each.pair.First != each.pair.Second).Take(4)
            .Select(each => $"doubleword {each.line}: QEMU {each.pair.First}, here {each.pair.Second}");
        return $"instruction {bad} of the stream, {last}; {string.Join("; ", lines)}";
    }
}
