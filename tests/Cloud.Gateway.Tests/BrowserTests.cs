using System.Net;
using Cloud.Gateway.Tests.Sample;
using Microsoft.Playwright;

namespace Cloud.Gateway.Tests;

/// <summary>The page at /swagger as people use it, in a real browser.</summary>
public sealed class BrowserTests
{
    private const string Chromium = "/usr/bin/chromium";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Page_AuthorizesAndTriesCallsOut(bool proxied)
    {
        Assert.SkipUnless(File.Exists(Chromium), $"There is no {Chromium}: install the package chromium.");
        await using var cloud = await GatewayUnderTest.StartAsync(proxied);
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(
            new BrowserTypeLaunchOptions { ExecutablePath = Chromium, Args = ["--no-sandbox"] });
        var page = await browser.NewPageAsync(
            new BrowserNewPageOptions { ViewportSize = new ViewportSize { Width = 1280, Height = 1000 } });
        var complaints = new List<string>();
        var elsewhere = new List<string>();
        page.Console += (_, message) => complaints.AddRange(message.Type is "error" or "warning" ? [message.Text] : []);
        page.PageError += (_, error) => complaints.Add(error);
        page.Request += (_, request) => elsewhere.AddRange(
            request.Url.StartsWith(cloud.Address.ToString(), StringComparison.Ordinal)
                || request.Url.StartsWith("data:", StringComparison.Ordinal)
                ? []
                : [request.Url]);

        await page.GotoAsync(new Uri(cloud.Address, "/").ToString());
        await page.GetByRole(AriaRole.Heading, new() { Name = "Sample" }).First.WaitForAsync();
        (await page.Locator("#select option").AllInnerTextsAsync()).ShouldContain("Gateway");

        // Without a token the call is refused; with one it works.
        var create = page.Locator("#operations-Notes-CreateNote");
        await create.Locator(".opblock-summary-control").ClickAsync();
        await create.GetByRole(AriaRole.Button, new() { Name = "Execute" }).ClickAsync();
        await create.Locator(".live-responses-table .response .response-col_status").GetByText("401").First.WaitForAsync();

        await page.Locator(".auth-wrapper .authorize").First.ClickAsync();
        await page.GetByLabel("auth-bearer-value").FillAsync(FakeTokenExchange.Editor);
        await page.Locator(".auth-btn-wrapper .authorize").ClickAsync();
        await page.Locator(".auth-btn-wrapper .btn-done").ClickAsync();
        await create.GetByRole(AriaRole.Button, new() { Name = "Execute" }).ClickAsync();
        await create.Locator(".live-responses-table .response .response-col_status").GetByText("201").First.WaitForAsync();
        using var made = await cloud.GetAsync("/v1/instances/first");
        made.StatusCode.ShouldBe(HttpStatusCode.OK);
        if (Environment.GetEnvironmentVariable("CLOUD_SCREENSHOTS") is { Length: > 0 } folder)
        {
            var path = Path.Combine(folder, $"swagger-{(proxied ? "proxied" : "local")}.png");
            await page.ScreenshotAsync(new PageScreenshotOptions { Path = path, FullPage = true });
        }

        // The token stays when another service's document is looked at, and when the page is loaded anew.
        await page.SelectOptionAsync("#select", new SelectOptionValue { Label = "Gateway" });
        await page.GetByRole(AriaRole.Heading, new() { Name = "Gateway" }).First.WaitForAsync();
        await page.ReloadAsync();
        await page.Locator(".auth-wrapper .authorize.locked").First.WaitForAsync();
        complaints.Where(text => !text.Contains("401", StringComparison.Ordinal)).ShouldBeEmpty();
        elsewhere.ShouldBeEmpty();
    }
}
