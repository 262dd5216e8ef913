using Cloud.Gateway.Tests.Sample;
using Cloud.Testing.Fuzzing;

namespace Cloud.Gateway.Tests;

public sealed class FuzzTests
{
    private const int Seed = 20261125;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Documents_Spoilt_AreAnsweredByTheRules(bool proxied)
    {
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        using var fuzzer = new OpenApiFuzzer(cloud.Address, FakeTokenExchange.Admin, Seed);
        var report = await fuzzer.RunAsync(
            ["/swagger/compute/openapi.json", "/swagger/gateway/openapi.json"],
            skip: new HashSet<string> { "PUT /v1/instances/{id}/fail", "GET /v1/instances/{id}/console" });
        TestContext.Current.TestOutputHelper!.WriteLine(report.ToString());
        report.Failures.ShouldBeEmpty(report.ToString());
        report.Calls.ShouldBeGreaterThan(1000);
    }
}
