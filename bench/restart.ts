/**
 * How long a killed node takes to be of use again whose log holds many entries: from the start of its process until it
 * answers, takes a subscriber and delivers the stream's first message. The subscription is itself an entry after all
 * the others, so by then the node has applied every one of them.
 */
import type { RemoteNode } from "../src/api/mod.ts";
import { expectReply, MeshClient } from "../src/client/mod.ts";
import type { Sequence } from "../src/core/ids.ts";
import { ulidBytes } from "../src/core/ulid.ts";
import { encodeRecordBatch } from "../src/stream/mod.ts";
import type { Benchmark, Figure } from "./figure.ts";
import { BenchMesh, STREAM } from "./mesh.ts";

const ENTRIES = 100_000;
const MESSAGE_BYTES = 128;
const OUTSTANDING = 256;

export const restart: Benchmark = {
  name: "restart",
  run: () => BenchMesh.with(measure),
};

async function measure(mesh: BenchMesh): Promise<Figure[]> {
  const [a, b] = mesh.nodes;
  // Nobody acknowledges anything, so that every entry is retained.
  await publishOneByOne(await mesh.connect(a));
  await b.kill();
  const began = performance.now();
  await b.start();
  const answered = performance.now();
  const stream = new MeshClient(await mesh.connect(b)).stream(STREAM);
  const subscription = await stream.subscribe({ fromOffset: 0 });
  for await (const { firstOffset, messages } of subscription.batches()) {
    if (firstOffset === 0 && messages.length === 1) break;
    throw new Error(`The first delivery is not the first message: ${messages.length} from ${firstOffset}`);
  }
  const served = performance.now();
  await subscription.close();
  return [
    {
      name: "restart",
      value: (served - began) / 1000,
      unit: "s",
      better: "lower",
      goal: 5,
      what: `a killed target with ${ENTRIES} retained entries, until it delivers the first`,
    },
    {
      name: "restart.answers",
      value: (answered - began) / 1000,
      unit: "s",
      better: "lower",
      what: "of these, until the process answers",
    },
  ];
}

/** Every message is a batch and so an entry of its own: the producer of the library would put several into one. */
async function publishOneByOne(remote: RemoteNode): Promise<void> {
  const open = await remote.call({ kind: "producer-open", stream: STREAM, producer: "bench" });
  const { producerId, epoch } = expectReply(open, "producer");
  const message = [new Uint8Array(MESSAGE_BYTES).fill(0x61)];
  let next = 1;
  const publish = async () => {
    while (next <= ENTRIES) {
      const ulid = ulidBytes(Date.now(), crypto.getRandomValues(new Uint8Array(10)));
      const batch = encodeRecordBatch({ producerId, epoch, baseSequence: next++ as Sequence, ulid }, message);
      await remote.call({ kind: "publish", stream: STREAM, batch, level: "COMMITTED" });
    }
  };
  await Promise.all(Array.from({ length: OUTSTANDING }, publish));
}
