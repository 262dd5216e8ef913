using System.Globalization;
using System.Net.Http.Json;
using Cloud.Primitives;

namespace Cloud.Compute.Contracts;

/// <summary>The instances of the compute service in another process, over HTTP.</summary>
/// <param name="client">A client whose base address is the service, and that proves itself by the service key.</param>
public sealed class HttpInstances(Func<HttpClient> client) : IInstances
{
    public async Task<InstanceState?> FindAsync(string project, string instance, CancellationToken ct)
    {
        try
        {
            return await SendAsync<InstanceState>(HttpMethod.Get, Of(project, instance), null, ct);
        }
        catch (CloudException none) when (none.Kind == ErrorKind.NotFound)
        {
            return null;
        }
    }

    public Task<IReadOnlyList<string>> ListAsync(string project, IReadOnlyDictionary<string, string> labels, CancellationToken ct) =>
        SendAsync<IReadOnlyList<string>>(HttpMethod.Post, $"{Of(project)}/search", labels, ct);

    public Task<InstanceState> CreateAsync(string project, NewInstanceCopy copy, CancellationToken ct) =>
        SendAsync<InstanceState>(HttpMethod.Put, Of(project), copy, ct);

    public Task<InstanceState> CreateServiceAsync(NewServiceInstance instance, CancellationToken ct) =>
        SendAsync<InstanceState>(HttpMethod.Put, "/internal/v1/service-instances", instance, ct);

    public async Task<string?> RefusalOfContainerAsync(
        string image, int vcpus, long memoryBytes, string? volumeHost, CancellationToken ct)
    {
        var host = volumeHost is null ? "" : $"&volumeHost={Uri.EscapeDataString(volumeHost)}";
        var query = string.Create(
            CultureInfo.InvariantCulture, $"image={Uri.EscapeDataString(image)}&vcpus={vcpus}&memoryBytes={memoryBytes}{host}");
        return (await SendAsync<ContainerRefusal>(HttpMethod.Get, $"/internal/v1/container-refusal?{query}", null, ct)).Reason;
    }

    public Task<InstanceState> ResizeAsync(string project, string instance, int vcpus, long memoryBytes, CancellationToken ct)
    {
        var size = string.Create(CultureInfo.InvariantCulture, $"vcpus={vcpus}&memoryBytes={memoryBytes}");
        return SendAsync<InstanceState>(HttpMethod.Post, $"{Of(project, instance)}/resize?{size}", null, ct);
    }

    public Task<InstanceState> StopAsync(string project, string instance, CancellationToken ct) =>
        SendAsync<InstanceState>(HttpMethod.Post, $"{Of(project, instance)}/stop", null, ct);

    public Task<InstanceState> StartAsync(string project, string instance, CancellationToken ct) =>
        SendAsync<InstanceState>(HttpMethod.Post, $"{Of(project, instance)}/start", null, ct);

    public async Task ReplaceRootAsync(string project, string instance, string snapshot, CancellationToken ct)
    {
        using var response = await ComputeCalls.SendAsync(
            client(), HttpMethod.Put, $"{Of(project, instance)}/root?snapshot={Uri.EscapeDataString(snapshot)}", null, ct);
    }

    public Task<bool> DeleteAsync(string project, string instance, CancellationToken ct) =>
        SendAsync<bool>(HttpMethod.Delete, Of(project, instance), null, ct);

    public Task<int> ExecAsync(string project, string instance, IReadOnlyList<string> command, CancellationToken ct) =>
        SendAsync<int>(HttpMethod.Post, $"{Of(project, instance)}/exec", command, ct);

    public Task<ContainerCommandEnd> RunAsync(
        string project, string instance, ContainerCommand command, Stream? input, Func<Stream, CancellationToken, Task>? output,
        CancellationToken ct) =>
        ContainerCommandSocket.CallAsync(client(), $"{Of(project, instance)}/run", ComputeCalls.Service, command, input, output, ct);

    private static string Of(string project) => $"/internal/v1/projects/{Uri.EscapeDataString(project)}/instances";

    private static string Of(string project, string instance) => $"{Of(project)}/{Uri.EscapeDataString(instance)}";

    private async Task<T> SendAsync<T>(HttpMethod method, string path, object? body, CancellationToken ct)
    {
        using var response = await ComputeCalls.SendAsync(client(), method, path, body, ct);
        return (await response.Content.ReadFromJsonAsync<T>(ComputeCalls.Json, ct))!;
    }
}
