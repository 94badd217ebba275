import assert from "node:assert/strict";
import { test } from "node:test";

import { beat, createCrowd, debounce, perFrame } from "../../assets/modules/batch.mjs";
import { insets, thresholds, zoomToFit } from "../../assets/modules/camera.mjs";
import { around, differ } from "../../assets/modules/places.mjs";
import { indexRegistry } from "../../assets/modules/registry.mjs";
import { build } from "../../assets/modules/style.mjs";
import { compare } from "../../assets/modules/tables.mjs";

/** A clock that moves only when told. */
function clock() {
  let time = 0;
  let timers = [];
  return {
    now: () => time,
    set(run, wait) {
      timers.push({ run, at: time + wait });
      return timers.at(-1);
    },
    clear: (timer) => (timers = timers.filter((other) => other !== timer)),
    advance(by) {
      time += by;
      for (const timer of timers.filter(({ at }) => at <= time)) {
        timers = timers.filter((other) => other !== timer);
        timer.run();
      }
    },
  };
}

test("a frame gets everything that came before it, at once", () => {
  const frames = [];
  const batches = [];
  const add = perFrame(
    (batch) => batches.push(batch),
    (run) => frames.push(run),
  );
  [1, 2, 3].forEach(add);
  assert.equal(frames.length, 1);
  frames.shift()();
  add(4);
  frames.shift()();
  assert.deepEqual(batches, [[1, 2, 3], [4]]);
});

test("work waits for a calm", () => {
  const time = clock();
  const ran = [];
  const call = debounce((value) => ran.push([value, time.now()]), 100, Infinity, time);
  call("a");
  time.advance(60);
  call("b");
  time.advance(99);
  assert.deepEqual(ran, []);
  time.advance(1);
  assert.deepEqual(ran, [["b", 160]]);
});

test("a beat follows a single call soon, and a stream of them never more often than once in its time", () => {
  const time = clock();
  const ran = [];
  const call = beat(() => ran.push(time.now()), 100, 1000, time);
  for (let tick = 0; tick < 25; tick++) {
    call();
    time.advance(100);
  }
  assert.deepEqual(ran, [100, 1100, 2100]);
});

test("many events within the time make a crowd, as many over a longer time do not", () => {
  const time = clock();
  const crowded = createCrowd(2, 1000, time.now);
  const tell = (pause) => [1, 2, 3, 4].map(() => (time.advance(pause), crowded()));
  assert.deepEqual(tell(600), [false, false, false, false]);
  assert.deepEqual(tell(100), [true, true, true, true]);
  assert.deepEqual(tell(600), [true, false, false, false]);
});

test("work does not wait for ever: calls without end are answered all the same", () => {
  const time = clock();
  const ran = [];
  const call = debounce((value) => ran.push([value, time.now()]), 100, 250, time);
  for (let step = 0; step < 10; step++) {
    call(step);
    time.advance(50);
  }
  assert.deepEqual(ran, [
    [4, 250],
    [9, 500],
  ]);
});

test("a debounced call can be taken back", () => {
  const time = clock();
  const ran = [];
  const call = debounce(() => ran.push(1), 100, Infinity, time);
  call();
  call.cancel();
  time.advance(1000);
  assert.deepEqual(ran, []);
});

const registry = indexRegistry({
  level_names: ["Nation", "State", "LGA"],
  products: [{ seat: 1, code: "BCG", name: "BCG" }],
  partitions: [
    { seat: 2, first: 10, count: 5, bbox: [10, 0, 20, 10] },
    { seat: 1, first: 0, count: 10, bbox: [0, 0, 10, 10] },
    { seat: 3, first: 15, count: 0, bbox: null },
  ],
});

test("an ordinal lies in exactly one partition", () => {
  const seats = [0, 9, 10, 14, 15, -1].map((ordinal) => registry.partitionOf(ordinal)?.seat ?? null);
  assert.deepEqual(seats, [1, 1, 2, 2, null, null]);
});

test("only partitions with facilities in view are asked for", () => {
  assert.deepEqual(
    registry.partitionsIn([11, 1, 12, 2]).map(({ seat }) => seat),
    [2],
  );
  assert.deepEqual(registry.partitionsIn([50, 50, 60, 60]), []);
});

test("a vaccine that the programme does not have is the worst of all", () => {
  assert.deepEqual(["BCG", null, "", "nonsense"].map(registry.seatOf), [1, 0, 0, 0]);
});

test("the camera leaves room for what lies over the map", () => {
  const world = [-180, -85.0511, 180, 85.0511];
  assert.ok(Math.abs(zoomToFit(world, 512, 512, { top: 0, right: 0, bottom: 0, left: 0 })) < 1e-3);
  assert.ok(zoomToFit(world, 1024, 1024, insets(1024, 1024)) < 1);
});

test("facilities never come before their tiles, nor the second level before its own", () => {
  for (const zoom of [0, 3.7, 5.5, 9]) {
    for (const deepest of [1, 2, 3]) {
      const { split, near } = thresholds(zoom, deepest);
      assert.ok(split >= 5, `${zoom} ${deepest}`);
      assert.ok(near >= 6 && (deepest === 1 || near > split), `${zoom} ${deepest}`);
    }
  }
});

test("a box is drawn around whatever the tiles hold, and nothing around nothing", () => {
  assert.deepEqual(
    around([
      [
        [
          [1, 2],
          [3, 8],
        ],
      ],
      [[[-1, 4]]],
    ]),
    [-1, 2, 3, 8],
  );
  assert.equal(around([]), null);
});

test("a first guess that is nearly right is not corrected", () => {
  assert.ok(!differ([0, 0, 10, 10], [0.5, 0, 10, 10]));
  assert.ok(differ([0, 0, 5, 5], [0, 0, 10, 10]));
  assert.ok(differ(null, [0, 0, 1, 1]));
});

test("what is empty sorts last, whichever way", () => {
  const sorted = (direction) => ["3", "", "10", "2"].sort((a, b) => compare(a, b, direction));
  assert.deepEqual(sorted("ascending"), ["2", "3", "10", ""]);
  assert.deepEqual(sorted("descending"), ["10", "3", "2", ""]);
});

test("a style names every layer once, and asks nobody but our own tiles", () => {
  for (const theme of ["light", "dark"]) {
    for (const deepest of [1, 2]) {
      const tiles = (layer) => `https://here/tiles/${layer}/{z}/{x}/{y}.mvt`;
      const style = build({ theme, tiles, bounds: [0, 0, 1, 1], split: 6, near: 7, deepest });
      const ids = style.layers.map(({ id }) => id);
      assert.equal(new Set(ids).size, ids.length);
      const addresses = JSON.stringify(style).match(/https?:[^"]*/g);
      assert.ok(addresses.every((address) => address.startsWith("https://here/tiles/")));
      assert.ok(!("glyphs" in style) && !("sprite" in style));
    }
  }
});
