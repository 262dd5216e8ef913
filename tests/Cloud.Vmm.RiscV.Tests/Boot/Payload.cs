using Cloud.Vmm.Runner.Options;

namespace Cloud.Vmm.RiscV.Tests.Boot;

/// <summary>What OpenSBI goes on to in supervisor mode: prints a line by the firmware's console and powers off.</summary>
internal static class Payload
{
    internal const string Line = "hello from supervisor mode";

    internal static string FirmwarePath => RunnerOptions.DefaultFirmware;

    private const int A0 = 10;
    private const int A7 = 17;
    private const int LegacyPutCharacter = 1;
    private const int LegacyShutdown = 8;
    private const uint EnvironmentCall = 0x00000073;

    internal static byte[] Build()
    {
        var asm = new Asm();
        foreach (char character in Line + "\n")
        {
            asm.Li(A7, LegacyPutCharacter).Li(A0, character).Word(EnvironmentCall);
        }

        return asm.Li(A7, LegacyShutdown).Word(EnvironmentCall).Label("end").Jump(0, "end").Build();
    }
}
