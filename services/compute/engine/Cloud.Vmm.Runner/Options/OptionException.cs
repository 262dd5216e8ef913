namespace Cloud.Vmm.Runner.Options;

/// <summary>The command line asks for what is not there or makes no sense; the message is for whoever wrote it.</summary>
internal sealed class OptionException(string message) : Exception(message);
