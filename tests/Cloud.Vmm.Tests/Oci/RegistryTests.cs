using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Cloud.Oci;

namespace Cloud.Vmm.Tests.Oci;

/// <summary>Images from a registry: Debian's docker-registry, in a process of its own.</summary>
public sealed class RegistryTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly TestFolder _folder = new();
    private readonly HttpClient _http = new();
    private Process _registry = null!;
    private int _port;

    public async ValueTask InitializeAsync()
    {
        _port = FreePort();
        var settings = Path.Combine(_folder.Path, "registry.yml");
        await File.WriteAllTextAsync(
            settings,
            $"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {_folder.Make("blobs")}}}}}\nhttp: {{addr: \"127.0.0.1:{_port}\"}}\n");
        _registry = Process.Start(new ProcessStartInfo("docker-registry", ["serve", settings])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        _http.BaseAddress = new Uri($"http://127.0.0.1:{_port}/v2/");
        using var limit = new CancellationTokenSource(Limit);
        while (true)
        {
            try
            {
                using var answer = await _http.GetAsync("", limit.Token);
                return;
            }
            catch (HttpRequestException)
            {
                await Task.Delay(20, limit.Token);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        _registry.Kill();
        await _registry.WaitForExitAsync();
        _registry.Dispose();
        _http.Dispose();
        await _folder.DisposeAsync();
    }

    [Fact]
    public async Task Image_IsPulledByTagAndByDigest_AndIsWhole()
    {
        var layer = Encoding.ASCII.GetBytes(new string('\0', 1024));
        var digest = await PushAsync("some/image", "1.0", layer);
        foreach (var version in (string[])[":1.0", $"@{digest}"])
        {
            var path = Path.Combine(_folder.Path, $"{Guid.NewGuid():n}.tar");
            await PullAsync($"some/image{version}", path);
            using var archive = await OciArchive.OpenAsync(path, CancellationToken.None);
            var image = await archive.ReadImageAsync("amd64", CancellationToken.None);
            await archive.VerifyAsync(image, CancellationToken.None);
            image.Digest.ShouldBe(digest);
            image.Command.ShouldBe(["/bin/sh"]);
        }
    }

    [Theory]
    [InlineData("some/image:not-there")]
    [InlineData("not/there:1")]
    [InlineData("some/image@sha256:0000000000000000000000000000000000000000000000000000000000000000")]
    public async Task Image_ThatIsNotThere_IsRefused(string name) =>
        await Should.ThrowAsync<OciException>(() => PullAsync(name, Path.Combine(_folder.Path, "none.tar")));

    [Theory]
    [InlineData("registry.example.org/name", "https://registry.example.org/name:latest")]
    [InlineData("http://127.0.0.1:5000/a/b:1", "http://127.0.0.1:5000/a/b:1")]
    [InlineData("name", null)]
    [InlineData("ftp://host/name:1", null)]
    [InlineData("host/../name:1", null)]
    [InlineData("host/name:1 2", null)]
    [InlineData("user@host/name", null)]
    public void Reference_IsReadOrRefused(string text, string? expected) =>
        (RegistryReference.TryParse(text, out var reference) ? reference.ToString() : null).ShouldBe(expected);

    private async Task PullAsync(string name, string path)
    {
        RegistryReference.TryParse($"http://127.0.0.1:{_port}/{name}", out var reference).ShouldBeTrue();
        var pull = new RegistryPull(
            (request, ct) => _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct), _ => Task.CompletedTask);
        await pull.RunAsync(reference!, "amd64", path, 1 << 20, CancellationToken.None);
    }

    /// <summary>As distribution-spec's "Push" says; answers the manifest's digest.</summary>
    private async Task<string> PushAsync(string name, string tag, byte[] layer)
    {
        var config = Encoding.UTF8.GetBytes(
            $$$"""
            {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/sh"]},
             "rootfs": {"type": "layers", "diff_ids": ["{{{Digest(layer)}}}"]}}
            """);
        var manifest = Encoding.UTF8.GetBytes(
            $$"""
            {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
             "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "{{Digest(config)}}", "size": {{config.Length}}},
             "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "{{Digest(layer)}}", "size": {{layer.Length}}}]}
            """);
        foreach (var blob in (byte[][])[config, layer])
        {
            using var begun = await _http.PostAsync($"{name}/blobs/uploads/", null);
            var at = new Uri(_http.BaseAddress!, begun.Headers.Location!);
            using var bytes = new ByteArrayContent(blob);
            bytes.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            using var put = await _http.PutAsync(new Uri($"{at}&digest={Digest(blob)}"), bytes);
            put.StatusCode.ShouldBe(HttpStatusCode.Created);
        }

        using var content = new ByteArrayContent(manifest);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/vnd.oci.image.manifest.v1+json");
        using var tagged = await _http.PutAsync($"{name}/manifests/{tag}", content);
        tagged.StatusCode.ShouldBe(HttpStatusCode.Created);
        return Digest(manifest);
    }

    private static string Digest(byte[] bytes) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(bytes))}";

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
