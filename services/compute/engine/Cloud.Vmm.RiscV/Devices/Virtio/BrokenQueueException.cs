namespace Cloud.Vmm.RiscV.Devices.Virtio;

/// <summary>
/// A guest's ring makes no sense. Rare and terminal for the device until its driver resets it, so an exception's cost does not matter.
/// </summary>
internal sealed class BrokenQueueException(string message) : Exception(message);
