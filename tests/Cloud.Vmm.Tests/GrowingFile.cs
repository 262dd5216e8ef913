namespace Cloud.Vmm.Tests;

/// <summary>A file that another process appends to.</summary>
public sealed class GrowingFile(string path)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);

    public string Text
    {
        get
        {
            using var reader = new StreamReader(
                new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
            return reader.ReadToEnd();
        }
    }

    /// <summary>Waits until a text stands in it so many times.</summary>
    public async Task WaitForAsync(string text, int times = 1)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!File.Exists(path) || Text.Split(text).Length - 1 < times)
        {
            if (limit.IsCancellationRequested)
            {
                throw new TimeoutException($"'{text}' did not come. The file: {(File.Exists(path) ? Text : "(none)")}");
            }

            await Task.Delay(Look);
        }
    }

    public async Task WaitForLengthAsync(long bytes)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (new FileInfo(path).Length < bytes)
        {
            limit.IsCancellationRequested.ShouldBeFalse($"The file has {new FileInfo(path).Length} bytes.");
            await Task.Delay(Look);
        }
    }
}
