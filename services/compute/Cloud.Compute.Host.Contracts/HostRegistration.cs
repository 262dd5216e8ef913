namespace Cloud.Compute.Host.Contracts;

/// <summary>A host's agent says where it can be asked, again and again, so that a control plane that was restarted finds it.</summary>
/// <param name="Name">The host's name in the cloud.</param>
/// <param name="Url">The base address of its agent.</param>
public sealed record HostRegistration(string Name, Uri Url);
