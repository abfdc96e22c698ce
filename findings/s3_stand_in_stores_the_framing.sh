#!/usr/bin/env bash
# Tools: npm @aws-sdk/client-s3 3.1175.0 against npm s3rver 3.7.1.
#
# Behaviour: the client sends a stream in chunks with a checksum behind them. The
# server does not know this form and stores the framing as content: 46 bytes for 5.
# Both say success. A buffer, and a client set to WHEN_REQUIRED, arrive whole.
#
# Guess: an upload that both sides call done holds the bytes that were sent.
#
# Why it matters: clients changed their default in 2025, stand-ins and older stores
# did not. A buffer in the test hides it, since only streams are framed. An archive
# is proven by reading it back, not by the answer to its upload.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tools could not be had.
set -euo pipefail
export LC_ALL=C NODE_NO_WARNINGS=1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }

npm install --no-audit --no-fund --silent @aws-sdk/client-s3@3.1175.0 s3rver@3.7.1 >&2 || exit 2
cat >try.cjs <<'JS'
const fs = require('fs');
const { S3Client, PutObjectCommand, GetObjectCommand } = require('@aws-sdk/client-s3');
const S3rver = require('s3rver');
const Bucket = 'archive';
fs.writeFileSync('five', 'hello');

async function main() {
  const server = new S3rver({ port: 0, address: '127.0.0.1', silent: true,
    directory: `${__dirname}/store`, configureBuckets: [{ name: Bucket }] });
  const { port } = await server.run();
  const common = { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', forcePathStyle: true,
    credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' } };
  const usual = new S3Client(common);
  const plain = new S3Client({ ...common, requestChecksumCalculation: 'WHEN_REQUIRED' });
  const stream = () => fs.createReadStream('five');
  for (const [Key, client, Body] of [['buffer', usual, Buffer.from('hello')],
    ['stream', usual, stream()], ['stream, WHEN_REQUIRED', plain, stream()]]) {
    const put = await client.send(new PutObjectCommand({ Bucket, Key, Body, ContentLength: 5 }));
    const got = await client.send(new GetObjectCommand({ Bucket, Key }));
    const text = await got.Body.transformToString();
    console.log(`${Key}: ${put.$metadata.httpStatusCode}, ${text.length} bytes, ${JSON.stringify(text)}`);
  }
  await server.close();
  process.exit(0);
}
main();
JS
node try.cjs | tee seen
grep -qxF 'buffer: 200, 5 bytes, "hello"' seen || changed 'a buffer'
grep -q '^stream: 200, 46 bytes, "5\\r\\nhello\\r\\n0\\r\\nx-amz-checksum-crc32:' seen || changed 'a stream'
grep -qxF 'stream, WHEN_REQUIRED: 200, 5 bytes, "hello"' seen || changed 'WHEN_REQUIRED'
echo 'as described'
