using System.Diagnostics;

namespace Cloud.Tidy.Tests.Scripts;

/// <summary>A data folder for scripts to work in, and what they say; whatever was started in it is ended with it.</summary>
public sealed class Sandbox : IDisposable
{
    private readonly List<Process> _started = [];

    public string Folder { get; } = Directory.CreateTempSubdirectory("cloud-scripts-").FullName;

    public string Data => Path.Combine(Folder, "data");

    public Dictionary<string, string?> Environment { get; } = [];

    /// <summary>Runs a script of the checkout, or a command, to its end.</summary>
    public async Task<(int Status, string Said)> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(Start(program, arguments))!;
        var said = process.StandardOutput.ReadToEndAsync();
        var complained = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, (await said) + (await complained));
    }

    public Process RunOn(string program, params string[] arguments)
    {
        var process = Process.Start(Start(program, arguments))!;
        _started.Add(process);
        return process;
    }

    /// <summary>A folder for the front of the PATH with a program that says what it is told.</summary>
    public void PutBefore(string program, string script)
    {
        var folder = Directory.CreateDirectory(Path.Combine(Folder, "bin")).FullName;
        var file = Path.Combine(folder, program);
        File.WriteAllText(file, $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Environment["PATH"] = $"{folder}:{System.Environment.GetEnvironmentVariable("PATH")}";
    }

    public void Dispose()
    {
        foreach (var process in _started)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            process.Dispose();
        }

        Directory.Delete(Folder, recursive: true);
    }

    private ProcessStartInfo Start(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(
            program.Contains('/', StringComparison.Ordinal) ? Path.Combine(Repository.Root, program) : program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Repository.Root,
        };
        start.Environment["CLOUD_DATA"] = Data;
        start.Environment["CLOUD_CACHE"] = Path.Combine(Folder, "cache");
        start.Environment["CLOUD_HTTP_PORT"] = "1";
        foreach (var (name, value) in Environment)
        {
            start.Environment[name] = value;
        }

        return start;
    }
}
