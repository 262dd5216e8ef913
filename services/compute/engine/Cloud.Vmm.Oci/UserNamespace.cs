using System.Diagnostics;
using System.Globalization;
using Cloud.Oci;
using Cloud.Vmm.Qemu;
using Cloud.Vmm.Qemu.Linux;

namespace Cloud.Vmm.Oci;

/// <summary>
/// An ordinary user's way to users of his own (user_namespaces(7)): there he is root, and from 1 on follow the ids that /etc/subuid and
/// /etc/subgid give him. Those are his containers', their roots 1: no container has an id that he is. What they wrote he handles there
/// alone. The administrator needs none.
/// </summary>
public sealed class UserNamespace : ILayerOwners
{
    /// <summary>The container's root, as it is seen there.</summary>
    internal const int RootId = 1;

    private const uint Nobody = 65534;

    private UserNamespace()
    {
    }

    /// <summary>That of who runs this process; null for root.</summary>
    public static UserNamespace? Own { get; } = LibC.EffectiveUserId() == 0 ? null : new();

    /// <summary>Why the user can have no containers; null where he may.</summary>
    internal static string? WhyNot() =>
        !File.Exists("/usr/bin/newuidmap") ? "newuidmap is not installed (Debian's package uidmap)."
        : SubIds.Read() is null
            ? $"{Environment.UserName} has no range of {OciOptions.UidsEach} ids in /etc/subuid and /etc/subgid for containers' users: an "
              + $"administrator gives one by 'usermod --add-subuids FIRST-LAST --add-subgids FIRST-LAST {Environment.UserName}'."
            : null;

    /// <summary>Whether an ordinary user's ids are not there, or no longer: what is theirs stays until they are.</summary>
    public static bool IsClosed => Own is not null && WhyNot() is not null;

    /// <summary>A program's words, such that it runs where what containers wrote can be handled.</summary>
    public static IReadOnlyList<string> Command(params IReadOnlyList<string> command) =>
        Own is null ? command : [OciOptions.OwnShim, "mapped", .. RequireIds().Words, .. command];

    /// <summary>Removes a folder with all that containers and their images have in it.</summary>
    /// <exception cref="IOException">Not all of it can be.</exception>
    public static void Remove(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception others) when (Own is not null && Directory.Exists(folder) && others is IOException or UnauthorizedAccessException)
        {
            if (WhyNot() is { } reason)
            {
                throw new IOException(reason, others);
            }

            using var removal = Start("rm", "-rf", "--", folder);
            removal.StandardInput.Close();
            Check(removal);
        }
    }

    void ILayerOwners.Remove(string folder) => Remove(folder);

    async Task ILayerOwners.GiveAsync(string folder, IReadOnlyCollection<LayerOwner> owners, CancellationToken ct)
    {
        using var giving = Start(OciOptions.OwnShim, "own", folder);
        try
        {
            await using var list = giving.StandardInput;
            foreach (var owner in owners)
            {
                var mode = owner.Mode is { } bits ? Convert.ToString(bits, 8) : "-";
                await list.WriteAsync($"{IdOf(owner.Uid)} {IdOf(owner.Gid)} {mode} {owner.Path}\0");
            }
        }
        catch (IOException)
        {
            // It has ended, and says why.
        }

        await giving.WaitForExitAsync(ct);
        Check(giving);
    }

    internal static SubIds RequireIds() => SubIds.Read() ?? throw new VmException(WhyNot() ?? "The range of ids for containers is gone.");

    /// <summary>What the image calls by a number that no container has is nobody's in it.</summary>
    private static string IdOf(uint inImage) =>
        ((inImage < OciOptions.UidsEach ? inImage : Nobody) + RootId).ToString(CultureInfo.InvariantCulture);

    private static Process Start(params IReadOnlyList<string> words)
    {
        var command = Command(words);
        return Process.Start(new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
        }) ?? throw new IOException($"{words[0]} was not started.");
    }

    /// <summary>Waits for its end. All that it says is read first: it would wait for that.</summary>
    private static void Check(Process ending)
    {
        var said = ending.StandardError.ReadToEnd();
        ending.WaitForExit();
        if (ending.ExitCode != 0)
        {
            throw new IOException(ProcessLog.LastLine(said) ?? "A program of the containers' user namespace failed.");
        }
    }
}
