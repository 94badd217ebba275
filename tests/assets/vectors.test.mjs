import assert from "node:assert/strict";
import { test } from "node:test";

import { createVectors, NONE } from "../../assets/modules/vectors.mjs";

const registry = { areas: 3 };
const partition = { seat: 1, first: 100, count: 2 };

/** Three areas: risk 10 20 30, out 1 2 3, reporting 91 92 93. */
const areas = () => Uint8Array.from([10, 20, 30, 1, 2, 3, 91, 92, 93]);
const facilities = () => Uint8Array.from([6, 6, 0, 1]);
const update = (seat, product, ...values) => ({ areas: [[seat, product, ...values, 9, 9, 9, 9]], facilities: [] });

test("an area vector is three rows", () => {
  const vectors = createVectors(registry, 5);
  vectors.putAreas(0, null, 5, areas());
  assert.deepEqual(vectors.area(1, 0, null), { risk: 20, out: 2, reporting: 92 });
  assert.equal(vectors.area(1, 4, null), null);
});

test("a facility is found by its place in its partition", () => {
  const vectors = createVectors(registry, 5);
  vectors.putPartition(partition, 2, null, 5, facilities());
  assert.deepEqual(vectors.facility(101, partition, 2, null), { state: 6, decile: 1 });
  assert.equal(vectors.facility(101, partition, 3, null), null);
});

test("a push changes the vectors of its product, and no others", () => {
  const vectors = createVectors(registry, 5);
  vectors.putAreas(0, null, 5, areas());
  vectors.putAreas(2, null, 5, areas());
  vectors.putPartition(partition, 2, null, 5, facilities());
  vectors.apply(6, {
    areas: [[1, 2, 50, 40, 100, 9, 9, 9, 9]],
    facilities: [
      [100, 2, 2, 9],
      [999, 2, 2, 9],
    ],
  });
  assert.deepEqual(vectors.area(1, 2, null), { risk: 50, out: 40, reporting: 100 });
  assert.deepEqual(vectors.area(1, 0, null), { risk: 20, out: 2, reporting: 92 });
  assert.deepEqual(vectors.facility(100, partition, 2, null), { state: 2, decile: 9 });
  assert.deepEqual(vectors.facility(101, partition, 2, null), { state: 6, decile: 1 });
});

test("a vector that already includes a push is not set back by it", () => {
  const vectors = createVectors(registry, 5);
  vectors.putAreas(0, null, 8, areas());
  vectors.apply(6, update(1, 0, 99, 99, 99));
  assert.equal(vectors.area(1, 0, null).risk, 20);
});

test("a vector that arrives older than the stream catches up", () => {
  const vectors = createVectors(registry, 5);
  vectors.apply(6, update(1, 0, 60, 6, 100));
  vectors.apply(7, update(1, 0, 70, 7, 100));
  assert.ok(vectors.putAreas(0, null, 6, areas()));
  assert.deepEqual(vectors.area(1, 0, null), { risk: 70, out: 7, reporting: 100 });
});

test("a vector older than anything remembered is refused", () => {
  const vectors = createVectors(registry, 5);
  assert.equal(vectors.putAreas(0, null, 4, areas()), false);
  for (let seq = 6; seq < 700; seq++) vectors.apply(seq, update(0, 0, 1, 1, 1));
  assert.equal(vectors.putAreas(0, null, 6, areas()), false);
  assert.ok(vectors.putAreas(0, null, 699, areas()));
});

test("a vector of the push that is asked for is brought right, one before it is refused", () => {
  const vectors = createVectors(registry, 5);
  assert.equal(vectors.covered, 5);
  for (let seq = 6; seq < 700; seq++) vectors.apply(seq, update(seq % 3, 0, seq % 101, 1, 1));
  const { covered } = vectors;
  assert.ok(covered > 5 && covered < 699);
  assert.equal(vectors.putAreas(0, null, covered - 1, areas()), false);
  assert.ok(vectors.putAreas(0, null, covered, areas()));
  assert.deepEqual(
    [0, 1, 2].map((seat) => vectors.area(seat, 0, null).risk),
    [699 % 101, 697 % 101, 698 % 101],
  );
  vectors.forget(800);
  assert.equal(vectors.covered, 800);
});

test("a past month never changes", () => {
  const vectors = createVectors(registry, 5);
  assert.ok(vectors.putAreas(0, "2016-05", 1, areas()));
  vectors.apply(6, update(1, 0, 60, 6, 100));
  assert.equal(vectors.area(1, 0, "2016-05").risk, 20);
  vectors.forget(9);
  assert.equal(vectors.area(1, 0, "2016-05").risk, 20);
});

test("what is seen through a lens is made old by a push about its product, and stays on screen until the next", () => {
  const vectors = createVectors(registry, 5);
  assert.ok(vectors.putAreas(2, "horizon=30", 5, areas()));
  assert.ok(vectors.putPartition(partition, 2, "horizon=30", 5, facilities()));
  vectors.apply(6, update(1, 1, 60, 6, 100));
  assert.ok(vectors.hasAreas(2, "horizon=30"));
  vectors.apply(7, update(1, 2, 60, 6, 100));
  assert.equal(vectors.hasAreas(2, "horizon=30"), false);
  assert.equal(vectors.hasPartition(1, 2, "horizon=30"), false);
  assert.ok(vectors.shows(1, 2, "horizon=30"));
  assert.equal(vectors.area(1, 2, "horizon=30").risk, 20);
  assert.equal(vectors.applied, 7);
  assert.ok(vectors.putAreas(2, "horizon=30", 7, areas()));
  assert.ok(vectors.hasAreas(2, "horizon=30"));
});

test("the worst of all is made old by a push about any product", () => {
  const vectors = createVectors(registry, 5);
  vectors.putAreas(0, "preset=MSH", 5, areas());
  vectors.apply(6, update(1, 2, 60, 6, 100));
  assert.equal(vectors.hasAreas(0, "preset=MSH"), false);
});

test("after a reload nothing of now is left", () => {
  const vectors = createVectors(registry, 5);
  vectors.putAreas(0, null, 5, areas());
  vectors.putAreas(0, "horizon=7", 5, areas());
  vectors.forget(9);
  assert.equal(vectors.area(1, 0, null), null);
  assert.equal(vectors.area(1, 0, "horizon=7"), null);
  assert.equal(vectors.putAreas(0, null, 8, areas()), false);
});

test("no data stays no data", () => {
  const vectors = createVectors(registry, 5);
  vectors.putAreas(0, null, 5, new Uint8Array(9).fill(NONE));
  assert.equal(vectors.area(2, 0, null).risk, NONE);
});

test("old state and pushes equal fresh state, whatever the order in which vectors came", () => {
  const stream = Array.from({ length: 40 }, (_, step) => update(step % 3, step % 2, (step * 7) % 101, step % 101, 100));
  const now = (product) => {
    const fresh = createVectors(registry, 0);
    fresh.putAreas(product, null, 0, areas());
    stream.forEach((change, step) => fresh.apply(step + 1, change));
    return [0, 1, 2].map((seat) => fresh.area(seat, product, null));
  };
  for (const arrives of [0, 13, 40]) {
    for (const includes of [0, arrives, 40]) {
      const vectors = createVectors(registry, 0);
      const source = createVectors(registry, 0);
      const bytes = areas();
      source.putAreas(1, null, 0, bytes);
      stream.slice(0, includes).forEach((change, step) => source.apply(step + 1, change));
      stream.slice(0, arrives).forEach((change, step) => vectors.apply(step + 1, change));
      vectors.putAreas(1, null, includes, bytes.slice());
      stream.slice(arrives).forEach((change, step) => vectors.apply(arrives + step + 1, change));
      assert.deepEqual(
        [0, 1, 2].map((seat) => vectors.area(seat, 1, null)),
        now(1),
        `${arrives} ${includes}`,
      );
    }
  }
});
