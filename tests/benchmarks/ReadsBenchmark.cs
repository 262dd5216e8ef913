using System.Globalization;
using System.Text.RegularExpressions;

namespace Cloud.Benchmarks;

/// <summary>
/// Reads of one instance at 32 connections: requests per second of CPU that the cloud's processes spend, and the latency.
/// </summary>
internal static partial class ReadsBenchmark
{
    private const int Connections = 32;
    private const int Seconds = 10;

    public static async Task RunAsync(CloudUnderMeasure cloud)
    {
        var id = (await cloud.CreateInstanceAsync("bench-reads")).GetProperty("id").GetString()!;
        var url = new Uri(cloud.Url, $"/v1/instances/{id}").ToString();
        await CloudUnderMeasure.WrkAsync(url, cloud.Token, Connections, 5);
        var before = cloud.Units.Values.Sum(CloudUnderMeasure.CpuSecondsOf);
        var said = await CloudUnderMeasure.WrkAsync(url, cloud.Token, Connections, Seconds);
        var cpu = cloud.Units.Values.Sum(CloudUnderMeasure.CpuSecondsOf) - before;
        await cloud.DeleteInstanceAsync(id);

        var requests = double.Parse(Requests().Match(said).Groups[1].Value, CultureInfo.InvariantCulture);
        Console.WriteLine(said.Trim());
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"requests per CPU second of the cloud: {requests / cpu:F0}   ({requests:F0} requests, {cpu:F2} CPU s)"));
    }

    [GeneratedRegex(@"(\d+) requests in")]
    private static partial Regex Requests();
}
