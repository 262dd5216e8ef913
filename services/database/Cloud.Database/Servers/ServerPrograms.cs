using System.Diagnostics;
using System.Globalization;
using Cloud.Primitives;

namespace Cloud.Database.Servers;

/// <summary>PostgreSQL's programs, each as a user without rights.</summary>
internal sealed class ServerPrograms(DatabaseOptions options)
{
    /// <summary>Debian's user of PostgreSQL: initdb wants one that has a name.</summary>
    private const string InitUser = "postgres";

    /// <summary>Nobody: for programs that only talk to a server.</summary>
    private const string Nobody = "65534";

    private const int OutputMax = 4000;

    private static readonly Dictionary<string, string> Nothing = [];

    private static readonly string Unprivileged = Path.Combine(AppContext.BaseDirectory, "unprivileged.sh");

    /// <summary>The service may choose the user of what it starts.</summary>
    public static bool IsRoot { get; } = Environment.UserName == "root";

    /// <exception cref="CloudException">There is no PostgreSQL on this machine.</exception>
    public void Require()
    {
        if (!File.Exists(PathOf("postgres")))
        {
            throw new CloudException(
                ErrorKind.Unavailable, "no-postgres", "PostgreSQL 15 is not installed here (Debian's package postgresql-15).");
        }
    }

    public string PathOf(string program) => Path.Combine(options.Programs, program);

    /// <summary>Runs initdb on a folder that becomes its user's.</summary>
    public Task InitAsync(string folder, string passwordFile, IReadOnlyList<string> arguments, CancellationToken ct) => RunAsync(
        "bash", [Unprivileged, InitUser, folder, PathOf("initdb"), .. arguments, $"--pwfile={passwordFile}"], Nothing, ct);

    /// <summary>Runs a program on a folder as the server's user, who gets the folder.</summary>
    public Task<string> RunInAsync(string folder, int uid, string program, IReadOnlyList<string> arguments, CancellationToken ct) =>
        RunAsync("bash", [Unprivileged, uid.ToString(CultureInfo.InvariantCulture), folder, PathOf(program), .. arguments], Nothing, ct);

    /// <summary>Runs a program that needs no files; its errors are in the answer, not thrown.</summary>
    public async Task<(int ExitCode, string Output, string Errors)> TryAsync(
        string program, IReadOnlyList<string> arguments, CancellationToken ct) => await TryAsync(program, arguments, Nothing, ct);

    /// <summary>The same, with variables of its environment.</summary>
    public async Task<(int ExitCode, string Output, string Errors)> TryAsync(
        string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, CancellationToken ct)
    {
        using var process = Start(program, arguments, environment);
        var output = process.StandardOutput.ReadToEndAsync(ct);
        var errors = process.StandardError.ReadToEndAsync(ct);
        await process.WaitForExitAsync(ct);
        return (process.ExitCode, await output, await errors);
    }

    /// <summary>Runs a program that needs no files, and hands over what it writes as it comes.</summary>
    /// <exception cref="CloudException">It failed.</exception>
    public async Task StreamAsync(
        string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment,
        Func<Stream, Task> read, CancellationToken ct)
    {
        using var process = Start(program, arguments, environment);
        try
        {
            var errors = process.StandardError.ReadToEndAsync(ct);
            await read(process.StandardOutput.BaseStream);
            await process.WaitForExitAsync(ct);
            if (process.ExitCode != 0)
            {
                throw Failed(program, process.ExitCode, await errors);
            }
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }

    private static async Task<string> RunAsync(
        string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, CancellationToken ct)
    {
        using var process = StartPlain(program, arguments, environment);
        var output = process.StandardOutput.ReadToEndAsync(ct);
        var errors = process.StandardError.ReadToEndAsync(ct);
        try
        {
            await process.WaitForExitAsync(ct);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        return process.ExitCode == 0 ? await output : throw Failed(program, process.ExitCode, await output + await errors);
    }

    private Process Start(string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment) => IsRoot
        ? StartPlain(
            "setpriv",
            [$"--reuid={Nobody}", $"--regid={Nobody}", "--clear-groups", "--no-new-privs", "--", PathOf(program), .. arguments],
            environment)
        : StartPlain(PathOf(program), arguments, environment);

    private static Process StartPlain(
        string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };

        // Nothing of the service's own: its variables name the bus and the database, with passwords.
        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin";
        start.Environment["LC_ALL"] = "C.UTF-8";
        start.Environment["TZ"] = "UTC";
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    private static CloudException Failed(string program, int code, string said) => new(
        ErrorKind.Unavailable, "server-program-failed",
        $"A program of the server ({Path.GetFileName(program)}) ended with {code}.",
        new InvalidOperationException(said.Length <= OutputMax ? said : said[^OutputMax..]));
}
