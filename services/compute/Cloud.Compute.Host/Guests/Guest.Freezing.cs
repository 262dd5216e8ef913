using Cloud.Compute.Host.Containers;
using Cloud.Vmm;

namespace Cloud.Compute.Host.Guests;

/// <summary>
/// A guest that holds its writes for a snapshot lets them go on in any case: an empty file in its folder says that it is owed that, and
/// whoever finds it keeps asking the guest's agent, also an agent of the host that was started since.
/// </summary>
internal sealed partial class Guest
{
    private volatile bool _owesThaw;

    /// <summary>Has the guest write everything down and hold still; false where it cannot. In a turn, and thawed in the same.</summary>
    private async Task<bool> FreezeAsync(IVirtualMachine machine, CancellationToken ct)
    {
        var isContainer = Spec.Image.DiskFormat == ContainerImages.Format;
        if ((!Spec.Image.GuestAgent && !isContainer) || machine.State != VmState.Running)
        {
            return false;
        }

        await File.WriteAllBytesAsync(Folder.Frozen, [], ct);
        if (await machine.Agent.FreezeAsync(ct))
        {
            return true;
        }

        File.Delete(Folder.Frozen);
        return false;
    }

    private async Task ThawAsync(IVirtualMachine machine, CancellationToken ct)
    {
        try
        {
            await machine.Agent.ThawAsync(ct);
            ForgetFrozen();
        }
        catch (VmException)
        {
            _owesThaw = true;
        }
    }

    /// <summary>Another try, as soon as the guest's agent answers and nothing else is done with the guest.</summary>
    private async Task ThawAgainAsync(IVirtualMachine machine)
    {
        if (!_owesThaw || !await machine.Agent.PingAsync(PingLimit, _closing.Token) || !_one.Wait(0))
        {
            return;
        }

        try
        {
            await ThawAsync(machine, _closing.Token);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>It holds nothing: it was thawed, or boots.</summary>
    private void ForgetFrozen()
    {
        _owesThaw = false;
        File.Delete(Folder.Frozen);
    }
}
