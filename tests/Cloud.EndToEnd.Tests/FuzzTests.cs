using System.Globalization;
using Cloud.Testing.Fuzzing;

namespace Cloud.EndToEnd.Tests;

/// <summary>The whole cloud against spoilt calls of every operation in its documents. <c>CLOUD_TEST_SEED</c> replays one.</summary>
[Collection(OnSecondLocalCloud.Name)]
public sealed class FuzzTests(LocalCloud cloud)
{
    private const int CallsPerOperationMax = 60;

    [Fact]
    public async Task EveryOperation_Spoilt_IsRefusedByTheRules_AndTheCloudGoesOn()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("CLOUD_TEST_SEED"), CultureInfo.InvariantCulture, out var given)
            ? given
            : Environment.TickCount;
        using var fuzzer = new OpenApiFuzzer(cloud.Http.BaseAddress!, cloud.Token, seed);
        var report = await fuzzer.RunAsync(
            ["/swagger/identity/openapi.json", "/swagger/compute/openapi.json", "/swagger/gateway/openapi.json"], CallsPerOperationMax);
        TestContext.Current.TestOutputHelper!.WriteLine(report.ToString());
        report.Failures.ShouldBeEmpty(report.ToString());
        report.Calls.ShouldBeGreaterThan(1000);
        (await cloud.GetAsync("/health/ready")).GetProperty("status").GetString().ShouldBe("ready");
    }
}
