import assert from "node:assert/strict";
import { test } from "node:test";

import { createSequence } from "../../assets/modules/sequence.mjs";

function listener(seq) {
  const log = { applied: [], asked: [], reloads: 0 };
  const sequence = createSequence(seq, {
    apply: (change) => log.applied.push(change.seq),
    reload: () => (log.reloads += 1),
    ask: (since) => log.asked.push(since),
  });
  const push = (...numbers) => numbers.forEach((number) => sequence.offer({ seq: number, event: "x", payload: {} }));
  const changes = (...numbers) => numbers.map((number) => ({ seq: number, event: "x", payload: {} }));
  return { log, sequence, push, changes };
}

test("pushes are applied in order, and none twice", () => {
  const { log, push } = listener(10);
  push(11, 12, 12, 9, 13);
  assert.deepEqual(log.applied, [11, 12, 13]);
  assert.deepEqual(log.asked, []);
});

test("a gap is asked for once, and what came after it waits", () => {
  const { log, sequence, push, changes } = listener(10);
  push(13, 14);
  assert.deepEqual(log.applied, []);
  assert.deepEqual(log.asked, [10]);
  sequence.answer({ seq: 13, changes: changes(11, 12, 13) });
  assert.deepEqual(log.applied, [11, 12, 13, 14]);
  assert.equal(sequence.seq, 14);
});

test("a late push that fills the gap by itself needs no answer", () => {
  const { log, sequence, push } = listener(10);
  push(12, 11);
  assert.deepEqual(log.applied, [11, 12]);
  sequence.answer({ seq: 12, changes: [] });
  assert.deepEqual(log.applied, [11, 12]);
});

test("a question without an answer is asked again with the next push", () => {
  const { log, sequence, push } = listener(10);
  push(12);
  sequence.failed();
  push(13);
  assert.deepEqual(log.asked, [10, 10]);
});

test("numbers that this reader may not see are no gap once the server has said how far it is", () => {
  const { log, sequence, push, changes } = listener(10);
  push(15);
  sequence.answer({ seq: 14, changes: changes(12) });
  assert.deepEqual(log.applied, [12, 15]);
  assert.equal(sequence.seq, 15);
});

test("when everything is to be read again, older pushes are dropped and newer ones go on", () => {
  const { log, sequence, push } = listener(10);
  push(12, 21);
  sequence.answer({ seq: 20, reload: true });
  assert.equal(log.reloads, 1);
  assert.deepEqual(log.applied, [21]);
  push(22);
  assert.deepEqual(log.applied, [21, 22]);
});

test("a server whose numbers began anew is followed", () => {
  const { log, sequence, push } = listener(5000);
  sequence.answer({ seq: 3, reload: true });
  push(4);
  assert.deepEqual(log.applied, [4]);
});

test("an answer that pushes have overtaken takes nothing back", () => {
  const { log, sequence, push, changes } = listener(10);
  push(11, 12, 13);
  sequence.answer({ seq: 12, changes: changes(11, 12) });
  assert.equal(sequence.seq, 13);
  assert.deepEqual(log.applied, [11, 12, 13]);
});

test("a server that says it is further than we are is asked what was missed, once", () => {
  const { log, sequence, changes } = listener(10);
  sequence.notice(10);
  sequence.notice(9);
  assert.deepEqual(log.asked, []);
  sequence.notice(12);
  sequence.notice(12);
  assert.deepEqual(log.asked, [10]);
  sequence.answer({ seq: 12, changes: changes(11, 12) });
  assert.deepEqual(log.applied, [11, 12]);
  sequence.notice(12);
  assert.deepEqual(log.asked, [10]);
});
