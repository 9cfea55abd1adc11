// In the browser, from another origin than the endpoint's: what is found goes to whoever served the page, a line for each check.
import { Kinesis, waitUntilStreamExists } from "@aws-sdk/client-kinesis";

const RECORDS = 100;

const tell = (line) => fetch("/line", { method: "POST", body: line });

async function check(name, condition, seen) {
  await tell(condition ? `ok     ${name}` : `FAILED ${name} ${JSON.stringify(seen)}`);
  if (!condition) throw new Error(name);
}

async function run() {
  const client = new Kinesis({
    endpoint: new URLSearchParams(location.search).get("endpoint"),
    region: "us-east-1",
    credentials: { accessKeyId: "any", secretAccessKey: "any", sessionToken: "any" },
  });
  const StreamName = `browser-${Date.now()}`;
  await client.createStream({ StreamName, ShardCount: 1 });
  await waitUntilStreamExists({ client, maxWaitTime: 30, minDelay: 1 }, { StreamName });

  const texts = Array.from({ length: RECORDS }, (_, i) => `record ${i} é`);
  const put = await client.putRecords({
    StreamName,
    Records: texts.map((text, i) => ({ PartitionKey: String(i), Data: new TextEncoder().encode(text) })),
  });
  await check("PutRecords from another origin", put.FailedRecordCount === 0 && put.Records.length === RECORDS, put);
  await check("the request id is there to be read", /^[0-9a-f-]{36}$/.test(put.$metadata.requestId), put.$metadata);

  const [{ ShardId }] = (await client.listShards({ StreamName })).Shards;
  const { ShardIterator } = await client.getShardIterator({ StreamName, ShardId, ShardIteratorType: "TRIM_HORIZON" });
  const { Records } = await client.getRecords({ ShardIterator });
  const read = Records.map(({ Data }) => new TextDecoder().decode(Data));
  await check("GetRecords from another origin", String(read) === String(texts), read);

  const error = await client.describeStreamSummary({ StreamName: "nobody" }).catch((caught) => caught);
  await check("an error has its name", error.name === "ResourceNotFoundException", error);
  await client.deleteStream({ StreamName });
}

run().then(
  () => tell("end"),
  (error) => tell(`FAILED ${error.stack}`),
);
