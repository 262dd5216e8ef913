// What the SDK for JavaScript does by default, with nothing set but what credentials.env says.
import assert from "node:assert";
import { Readable } from "node:stream";
import {
  CompleteMultipartUploadCommand, CopyObjectCommand, CreateBucketCommand, CreateMultipartUploadCommand, DeleteBucketCommand,
  DeleteObjectsCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client, UploadPartCommand,
} from "@aws-sdk/client-s3";

const s3 = new S3Client();
const Bucket = "javascript";
const big = Buffer.alloc(6 << 20, 7);
const read = async (Key) => Buffer.from(await (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body.transformToByteArray());

await s3.send(new CreateBucketCommand({ Bucket }));
const put = await s3.send(new PutObjectCommand({ Bucket, Key: "ä b+c/1.txt", Body: "hello", Metadata: { kind: "text" } }));
assert.ok(put.ChecksumCRC32);
assert.equal((await read("ä b+c/1.txt")).toString(), "hello");
assert.deepEqual((await s3.send(new HeadObjectCommand({ Bucket, Key: "ä b+c/1.txt" }))).Metadata, { kind: "text" });

// A stream goes out in signed chunks or with a trailing checksum, as the SDK likes.
await s3.send(new PutObjectCommand({ Bucket, Key: "stream", Body: Readable.from([big]), ContentLength: big.length }));
assert.ok((await read("stream")).equals(big));

const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "parts" }));
const Parts = [];
for (const [PartNumber, Body] of [[1, big], [2, Buffer.from("end")]]) {
  const part = await s3.send(new UploadPartCommand({ Bucket, Key: "parts", UploadId, PartNumber, Body }));
  Parts.push({ PartNumber, ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32 });
}
await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key: "parts", UploadId, MultipartUpload: { Parts } }));
assert.ok((await read("parts")).equals(Buffer.concat([big, Buffer.from("end")])));

await s3.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/stream` }));
const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket }));
assert.deepEqual(Contents.map((one) => one.Key), ["copy", "parts", "stream", "ä b+c/1.txt"]);
const gone = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: Contents.map(({ Key }) => ({ Key })) } }));
assert.equal(gone.Deleted.length, 4);
await s3.send(new DeleteBucketCommand({ Bucket }));
