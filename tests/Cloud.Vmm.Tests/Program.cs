using Xunit.MicrosoftTestingPlatform;
using Xunit.Runner.InProc.SystemConsole;

namespace Cloud.Vmm.Tests;

/// <summary>Runs the suite, or with <see cref="AgentProcess.Word"/> the agent that a test starts and kills.</summary>
internal static class Program
{
    public static Task<int> Main(string[] args)
    {
        if (args is [AgentProcess.Word, var spec])
        {
            return AgentProcess.RunAsync(spec);
        }

        return args.Contains("--server") || args.Contains("--internal-msbuild-node")
            ? TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions)
            : ConsoleRunner.Run(args);
    }
}
