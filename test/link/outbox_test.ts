import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { ByteWriter } from "../../src/core/bytes.ts";
import { Outbox, QueueTotal } from "../../src/link/outbox.ts";
import { TrafficClass } from "../../src/link/mod.ts";
import {
  FrameDecoder,
  FrameEncoder,
  Header,
  LINK_FRAME_LIMIT_BYTES,
  Reassembler,
} from "../../src/wire/mod.ts";
import { DEFAULT_LIMITS } from "../../src/link/mod.ts";

const KIB = 1024;

function outbox(change: { queueBytes?: number; totalQueueBytes?: number; starvationBytes?: number } = {}) {
  const total = new QueueTotal();
  const queueBytes = new Array(5).fill(change.queueBytes ?? 1024 * KIB);
  const limits = { queueBytes, totalQueueBytes: 64 * 1024 * KIB, starvationBytes: 1024 * KIB, ...change };
  return {
    total,
    box: new Outbox(new FrameEncoder(LINK_FRAME_LIMIT_BYTES), total, { ...limits, queueBytes }),
  };
}

let messageId = 0;

function put(box: Outbox, trafficClass: TrafficClass, payload: Uint8Array): boolean {
  const header = new Header();
  header.messageId = ++messageId;
  return box.put(trafficClass, header, payload);
}

/** The first byte of each frame's payload, in the order in which they leave. */
function drain(box: Outbox, budgetBytes: number): number[] {
  const out = new ByteWriter();
  const seen: number[] = [];
  while (box.bytes > 0) {
    out.reset();
    box.fill(out, budgetBytes);
    assert(out.length > 0 && out.length <= budgetBytes);
    const decoder = new FrameDecoder(LINK_FRAME_LIMIT_BYTES);
    decoder.push(out.view());
    for (let frame = decoder.next(); frame !== null; frame = decoder.next()) seen.push(frame.payload[0]!);
  }
  return seen;
}

Deno.test("Outbox lets classes leave in order, whatever order they came in", () => {
  const { box } = outbox();
  for (const trafficClass of [4, 2, 0, 3, 1, 0, 4] as TrafficClass[]) {
    put(box, trafficClass, new Uint8Array([trafficClass]));
  }
  assertEquals(drain(box, 256 * KIB), [0, 0, 1, 2, 3, 4, 4]);
  assertEquals(box.framesOut, 7);
});

Deno.test("Outbox serves a lower class once after every starvation bytes of higher ones", () => {
  const { box } = outbox({ starvationBytes: 200 * KIB, queueBytes: 4096 * KIB });
  for (let i = 0; i < 20; i++) put(box, TrafficClass.Commit, new Uint8Array(60 * KIB).fill(2));
  for (let i = 0; i < 3; i++) put(box, TrafficClass.Bulk, new Uint8Array(60 * KIB).fill(4));
  assertEquals(drain(box, 64 * KIB).join(""), "22224222242222422222222");
});

Deno.test("Outbox refuses what passes the limit of a class or of all, but takes one message of any size", () => {
  const { box, total } = outbox({ queueBytes: 1000, totalQueueBytes: 5000 });
  assert(put(box, TrafficClass.Bulk, new Uint8Array(100 * KIB)));
  assertEquals(put(box, TrafficClass.Bulk, new Uint8Array(1)), false);
  assertEquals(put(box, TrafficClass.Swim, new Uint8Array(1)), false); // All together.
  box.clear();
  assertEquals([total.bytes, box.bytes], [0, 0]);
  assert(put(box, TrafficClass.Swim, new Uint8Array(800)));
  assertEquals(put(box, TrafficClass.Swim, new Uint8Array(800)), false);
  assert(put(box, TrafficClass.Data, new Uint8Array(800)));
  drain(box, 64 * KIB);
  assertEquals(total.bytes, 0);
});

Deno.test("Outbox gives back every message whole and in its class's order, within every budget", () => {
  const size = fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 70_000 }), fc.constant(200_000));
  const message = fc.tuple(fc.nat({ max: 4 }), size, fc.boolean());
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 30 }),
      fc.integer({ min: 64, max: 300 }),
      (messages, budgetKib) => {
        const { box, total } = outbox({ queueBytes: 16 * 1024 * KIB });
        const reassembler = new Reassembler(DEFAULT_LIMITS.reassembly);
        const sent: number[][] = [[], [], [], [], []];
        const got: number[][] = [[], [], [], [], []];
        const out = new ByteWriter();
        const fill = () => {
          out.reset();
          box.fill(out, budgetKib * KIB);
          const decoder = new FrameDecoder(LINK_FRAME_LIMIT_BYTES);
          decoder.push(out.view());
          for (let frame = decoder.next(); frame !== null; frame = decoder.next()) {
            const whole = (frame.flags & 1) === 0 ? frame.payload : reassembler.add(1, frame, 0);
            if (whole !== null) got[whole[0]!]!.push(whole.length);
          }
        };
        for (const [trafficClass, extra, flush] of messages) {
          const payload = new Uint8Array(extra + 1);
          payload[0] = trafficClass;
          assert(put(box, trafficClass as TrafficClass, payload));
          sent[trafficClass]!.push(payload.length);
          if (flush) fill();
        }
        while (box.bytes > 0) fill();
        assertEquals(got, sent);
        assertEquals(total.bytes, 0);
      },
    ),
    { numRuns: 60 },
  );
});
