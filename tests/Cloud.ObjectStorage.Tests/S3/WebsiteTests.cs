using System.Net;
using Amazon.S3.Model;
using Cloud.ObjectStorage.Tests.Kit;

namespace Cloud.ObjectStorage.Tests.S3;

public sealed class WebsitesOnSqliteTests(Storages storages) : WebsiteTests(storages.OnSqlite);

public sealed class WebsitesOnPostgresTests(Storages storages) : WebsiteTests(storages.OnPostgres);

/// <summary>Buckets as web sites, as a browser sees them.</summary>
public abstract class WebsiteTests(ObjectStorageUnderTest storage) : StorageTest(storage)
{
    [Fact]
    public async Task Website_ServesIndexes_Folders_Errors()
    {
        var site = await NewSiteAsync(new WebsiteConfiguration { IndexDocumentSuffix = "index.html", ErrorDocument = "error.html" });
        await PutAsync(site, "index.html", "home");
        await PutAsync(site, "docs/index.html", "docs");
        await PutAsync(site, "error.html", "nothing here");
        await PutAsync(site, "docs/page.html", "page");

        (await GetPageAsync(site, "/")).ShouldBe((HttpStatusCode.OK, "home"));
        (await GetPageAsync(site, "/docs/")).ShouldBe((HttpStatusCode.OK, "docs"));
        (await GetPageAsync(site, "/docs/page.html?anything=1&partNumber=x&versionId=y")).ShouldBe((HttpStatusCode.OK, "page"));
        (await GetPageAsync(site, "/absent")).ShouldBe((HttpStatusCode.NotFound, "nothing here"));
        using var moved = await SendAsync(HttpMethod.Get, site, "/docs");
        (moved.StatusCode, moved.Headers.Location!.ToString()).ShouldBe((HttpStatusCode.Found, "/docs/"));
        using var put = await SendAsync(HttpMethod.Put, site, "/new");
        put.StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
        put.Content.Headers.ContentType!.MediaType.ShouldBe("text/html");
    }

    [Fact]
    public async Task Website_OfAPrivateBucket_ShowsNothing()
    {
        var bucket = await NewBucketAsync();
        await S3.PutBucketWebsiteAsync(bucket, new WebsiteConfiguration { IndexDocumentSuffix = "index.html" });
        await PutAsync(bucket, "index.html", "secret");
        var (status, text) = await GetPageAsync(bucket, "/");
        status.ShouldBe(HttpStatusCode.Forbidden);
        text.ShouldNotContain("secret");
        (await GetPageAsync(await NewBucketAsync(), "/")).Status.ShouldBe(HttpStatusCode.NotFound);
        (await GetPageAsync("no-such-site", "/")).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Website_Redirects_AsItsRulesSay()
    {
        var site = await NewSiteAsync(new WebsiteConfiguration
        {
            IndexDocumentSuffix = "index.html",
            RoutingRules =
            [
                new RoutingRule
                {
                    Condition = new RoutingRuleCondition { KeyPrefixEquals = "old/" },
                    Redirect = new RoutingRuleRedirect { ReplaceKeyPrefixWith = "new/" },
                },
                new RoutingRule
                {
                    Condition = new RoutingRuleCondition { HttpErrorCodeReturnedEquals = "404" },
                    Redirect = new RoutingRuleRedirect { HostName = "elsewhere.example", HttpRedirectCode = "302", Protocol = "https" },
                },
            ],
        });
        await S3.PutObjectAsync(new PutObjectRequest
        {
            BucketName = site,
            Key = "pointer",
            ContentBody = "",
            WebsiteRedirectLocation = "/index.html",
        });
        using var old = await SendAsync(HttpMethod.Get, site, "/old/a");
        old.StatusCode.ShouldBe(HttpStatusCode.MovedPermanently);
        old.Headers.Location!.AbsolutePath.ShouldBe("/new/a");
        using var missing = await SendAsync(HttpMethod.Get, site, "/absent");
        (missing.StatusCode, missing.Headers.Location!.ToString()).ShouldBe((HttpStatusCode.Found, "https://elsewhere.example/absent"));
        using var pointer = await SendAsync(HttpMethod.Get, site, "/pointer");
        (pointer.StatusCode, pointer.Headers.Location!.ToString()).ShouldBe((HttpStatusCode.MovedPermanently, "/index.html"));

        var read = (await S3.GetBucketWebsiteAsync(site)).WebsiteConfiguration;
        read.RoutingRules.Count.ShouldBe(2);
        await S3.PutBucketWebsiteAsync(
            site, new WebsiteConfiguration { RedirectAllRequestsTo = new RoutingRuleRedirect { HostName = "all.example" } });
        using var all = await SendAsync(HttpMethod.Get, site, "/x");
        all.Headers.Location!.ToString().ShouldBe("http://all.example/x");
        await S3.DeleteBucketWebsiteAsync(site);
        (await GetPageAsync(site, "/")).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    [Theory]
    [InlineData("<WebsiteConfiguration/>", "InvalidArgument")]
    [InlineData("<WebsiteConfiguration><IndexDocument><Suffix>a/b</Suffix></IndexDocument></WebsiteConfiguration>", "InvalidArgument")]
    [InlineData(
        "<WebsiteConfiguration><RedirectAllRequestsTo><HostName>a&#10;b</HostName></RedirectAllRequestsTo></WebsiteConfiguration>",
        "InvalidRequest")]
    [InlineData(
        "<WebsiteConfiguration><RedirectAllRequestsTo><HostName>a</HostName><Protocol>ftp</Protocol></RedirectAllRequestsTo>"
        + "</WebsiteConfiguration>",
        "InvalidRequest")]
    public async Task PutWebsite_OfNonsense_IsRefused(string document, string code)
    {
        var bucket = await NewBucketAsync();
        var key = Storage.Keys.Add("prj-one");
        using var answer = await Storage.S3Http.PutAsync(
            Signer.Url(key, Storage.S3Url, "PUT", $"/{bucket}", "website=", TimeProvider.System.GetUtcNow()), new StringContent(document));
        (await answer.Content.ReadAsStringAsync()).ShouldContain($"<Code>{code}</Code>");
    }

    private async Task<string> NewSiteAsync(WebsiteConfiguration configuration)
    {
        var bucket = await NewBucketAsync();
        var (status, _) = await Storage.SendAsync(HttpMethod.Patch, $"/v1/buckets/{bucket}", new { visibility = "public" });
        status.ShouldBe(HttpStatusCode.OK);
        await S3.PutBucketWebsiteAsync(bucket, configuration);
        return bucket;
    }

    private async Task<(HttpStatusCode Status, string Text)> GetPageAsync(string bucket, string path)
    {
        using var answer = await SendAsync(HttpMethod.Get, bucket, path);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string bucket, string path)
    {
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false });
        using var request = new HttpRequestMessage(method, new Uri(Storage.S3Url, path));
        request.Headers.Host = $"{bucket}.website.localhost:{Storage.S3Url.Port}";
        var answer = await client.SendAsync(request);
        await answer.Content.LoadIntoBufferAsync();
        return answer;
    }
}
