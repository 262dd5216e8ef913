using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Cloud.EndToEnd.Tests;

/// <summary>
/// What tests have in common that kill processes of a cloud at random moments: <c>CLOUD_TEST_ROUNDS</c> says how many rounds,
/// <c>CLOUD_TEST_SEED</c> replays one.
/// </summary>
internal static class Chaos
{
    private const int RoundsDefault = 1;
    private static readonly TimeSpan SettleLimit = TimeSpan.FromSeconds(60);

    public static (Random Chance, int Rounds) Begin(ITestOutputHelper output)
    {
        var seed = ReadNumber("CLOUD_TEST_SEED") ?? Environment.TickCount;
        var rounds = ReadNumber("CLOUD_TEST_ROUNDS") ?? RoundsDefault;
        output.WriteLine($"CLOUD_TEST_SEED={seed} CLOUD_TEST_ROUNDS={rounds}");
        return (new Random(seed), rounds);
    }

    /// <summary>Kills one of the cloud's processes within the next seconds.</summary>
    public static async Task KillAsync(CloudUnderTest cloud, int round, Random chance, ITestOutputHelper output)
    {
        var units = cloud.Units.Keys.Where(unit => unit != "supervisor").Order(StringComparer.Ordinal).ToList();
        var unit = units[chance.Next(units.Count)];
        var moment = TimeSpan.FromMilliseconds(chance.Next(4000));
        await Task.Delay(moment);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"round {round}: kill -9 {unit} after {moment.TotalSeconds:F2} s"));
        await cloud.KillAsync(unit);
    }

    /// <param name="find">What is not as it should be, in words; empty when all is well.</param>
    public static async Task UntilNothingIsWrongAsync(int round, Func<Task<IReadOnlyList<string>>> find)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (true)
        {
            IReadOnlyList<string> wrong;
            try
            {
                wrong = await find();
            }
            catch (Exception away) when (away is HttpRequestException or SocketException or JsonException or ShouldAssertException)
            {
                wrong = [$"the cloud does not answer: {away.Message}"];
            }

            if (wrong.Count == 0)
            {
                return;
            }

            if (TimeProvider.System.GetElapsedTime(since) > SettleLimit)
            {
                Assert.Fail($"round {round}: not settled after {SettleLimit.TotalSeconds} s:\n{string.Join('\n', wrong)}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(500));
        }
    }

    public static async Task<bool> IsReadyAsync(CloudUnderTest cloud)
    {
        using var response = await cloud.Http.GetAsync("/health/ready");
        return response.StatusCode == HttpStatusCode.OK;
    }

    private static int? ReadNumber(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
