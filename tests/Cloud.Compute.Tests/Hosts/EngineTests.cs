using System.Text.Json;
using Cloud.Primitives;

namespace Cloud.Compute.Tests.Hosts;

/// <summary>What hosts found their engines to be, beyond whether they work.</summary>
public sealed class EngineTests : IAsyncLifetime
{
    private readonly ComputeUnderTest _compute = new();

    public ValueTask InitializeAsync()
    {
        // The first answers that the fixture waits for are those of a host that does not say yet.
        _compute.Host.Failures["ExamineEnginesAsync"] = (new CloudException(ErrorKind.Unavailable, "host-unreachable", "Away."), 1);
        return _compute.InitializeAsync();
    }

    public ValueTask DisposeAsync() => _compute.DisposeAsync();

    [Fact]
    public async Task Engines_TellProblemsAndProcessor_AsTheHostFoundThem()
    {
        await ComputeUnderTest.UntilAsync(async () => (await OnHostAsync("emulation")).GetProperty("problems").EnumerateObject().Any());
        var emulation = await OnHostAsync("emulation");
        emulation.GetProperty("problems").GetProperty("ring-aliasing").GetBoolean().ShouldBeTrue();
        emulation.GetProperty("problemsReason").ValueKind.ShouldBe(JsonValueKind.Null);
        emulation.GetProperty("processor").ValueKind.ShouldBe(JsonValueKind.Null);
        var hardware = await OnHostAsync("hardware");
        hardware.GetProperty("problemsReason").GetString().ShouldBe("It has none.");
        hardware.GetProperty("processor").GetProperty("extension").GetString().ShouldBe("VMX");
        hardware.GetProperty("processor").GetProperty("vmcs").GetProperty("IA32_VMX_BASIC").GetString().ShouldBe("0x1");
    }

    private async Task<JsonElement> OnHostAsync(string engine) => (await _compute.GetAsync("/v1/engines")).GetProperty("items")
        .EnumerateArray().Single(one => one.GetProperty("name").GetString() == engine).GetProperty("hosts")[0];
}
