using Cloud.Database.Secrets;
using Cloud.ServiceDefaults.Auth;

namespace Cloud.Database.Servers;

/// <summary>
/// An empty server that new ones are copies of, made once: initdb takes longer than all else of a create. Nobody connects to it. Its copies
/// have its password until they get one of their own.
/// </summary>
internal sealed class ServerTemplate(DatabaseOptions options, ServerPrograms programs) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);

    private ServerFolder Folder => new(Path.Combine(options.Folder, "template"));

    /// <summary>The service's superuser's in the template.</summary>
    public string Password => PrivateFile.ReadOrCreate(Folder.Root + ".password", PasswordBox.NewPassword);

    /// <summary>Its data folder; made where there is none.</summary>
    public async Task<string> RequireAsync(CancellationToken ct)
    {
        await _turn.WaitAsync(ct);
        try
        {
            if (!Folder.IsMade)
            {
                programs.Require();
                await MakeAsync(Folder.Unfinished, ct);
                Directory.Move(Folder.Unfinished.Root, Folder.Root);
            }

            return Folder.Data;
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();

    private async Task MakeAsync(ServerFolder unfinished, CancellationToken ct)
    {
        if (Directory.Exists(unfinished.Root))
        {
            Directory.Delete(unfinished.Root, recursive: true);
        }

        Directory.CreateDirectory(unfinished.Root);
        var passwordFile = Path.Combine(unfinished.Root, "password");
        await File.WriteAllTextAsync(passwordFile, Password, ct);

        await programs.InitAsync(
            unfinished.Root, passwordFile,
            [
                $"--pgdata={unfinished.Data}", $"--username={ServerSettings.Admin}", "--auth=scram-sha-256", "--encoding=UTF8",
                "--locale=C.UTF-8", "--data-checksums", "--wal-segsize=1", "--no-instructions", "--no-sync",
            ],
            ct);
        File.Delete(passwordFile);
        await FileSystemSync.RunAsync(unfinished.Root);
    }
}
