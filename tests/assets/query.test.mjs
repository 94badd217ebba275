import assert from "node:assert/strict";
import { test } from "node:test";

import { asked, format, lens, merge, moment, parse, same } from "../../assets/modules/query.mjs";

const nation = parse("");

test("an address without a query is the nation now, coloured by risk", () => {
  assert.deepEqual(nation, {
    area: null,
    facility: null,
    vaccine: null,
    month: null,
    as_of: null,
    sense: null,
    horizon: null,
    preset: null,
    colour: "risk",
    at: null,
  });
  assert.equal(format(nation), "");
});

test("a view survives its own address", () => {
  const view = {
    area: "NG 020/é",
    facility: "F&1",
    vaccine: "BCG",
    month: "2016-05",
    as_of: null,
    sense: null,
    horizon: "30",
    preset: "WHO-EPI",
    colour: "state",
    at: { zoom: 7.25, lat: 11.5, lon: 8.25 },
  };
  assert.deepEqual(parse(format(view)), view);
});

test("what is malformed is left out and harms nothing else", () => {
  const view = parse("?area=NG020&month=2016-13&colour=pink&horizon=31&preset=%22%3E&at=7/91/8");
  assert.deepEqual(view, { ...nation, area: "NG020" });
  for (const at of ["7/8", "a/b/c", "//", "23/0/0", "7/8/181"]) assert.equal(parse(`?at=${at}`).at, null);
});

test("a day and what was known of it survive their own address, and leave the month behind", () => {
  const day = { ...nation, as_of: "2026-03-04", sense: "recorded" };
  assert.deepEqual(parse(format(day)), day);
  assert.equal(format({ ...day, sense: null }), "?as_of=2026-03-04");
  assert.equal(parse("?as_of=2026-03-04&month=2026-01").month, null);
  for (const wrong of ["2026-13-01", "yesterday", "2026-03"]) assert.equal(parse(`?as_of=${wrong}`).as_of, null);
  assert.equal(parse("?sense=recorded").sense, null);
  assert.deepEqual(merge(day, "?month=2026-01"), { ...nation, month: "2026-01" });
  assert.deepEqual(merge(day, "?month=&as_of=&sense="), nation);
  assert.deepEqual(merge({ ...nation, month: "2026-01" }, "?as_of=2026-03-04").month, null);
  assert.equal(same(day, { ...day, sense: null }), false);
});

test("values are asked for the moment that is shown", () => {
  assert.equal(moment(nation), null);
  assert.equal(moment({ ...nation, month: "2016-05" }), "month=2016-05");
  assert.equal(moment({ ...nation, as_of: "2026-03-04", sense: null }), "as_of=2026-03-04&sense=occurred");
});

test("a horizon is a lens on probabilities of now, a preset one on states of now", () => {
  const view = { ...nation, horizon: "30", preset: "WHO-EPI" };
  const through = (colour, more) => lens({ ...view, colour, ...more });
  assert.deepEqual(
    ["risk", "state", "probability", "reporting"].map((colour) => through(colour)),
    [null, "preset=WHO-EPI", "horizon=30", null],
  );
  assert.equal(through("state", { preset: "A B" }), "preset=A%20B");
  assert.equal(through("probability", { month: "2016-05" }), null);
  assert.equal(through("state", { as_of: "2026-03-04" }), null);
  assert.equal(asked({ ...view, colour: "probability" }), "horizon=30");
  assert.equal(asked({ ...view, colour: "probability", month: "2016-05" }), "month=2016-05");
  assert.equal(asked(nation), null);
});

test("a lens is part of what is shared, and of what Back goes back to", () => {
  const seen = merge(nation, "?colour=probability&horizon=14");
  assert.equal(format(seen), "?horizon=14&colour=probability");
  assert.equal(same(seen, { ...seen, horizon: "7" }), false);
  assert.equal(merge(seen, "?horizon=").horizon, null);
});

test("a link changes only what it names", () => {
  const view = { ...nation, area: "NG020", vaccine: "BCG", colour: "state" };
  assert.deepEqual(merge(view, "?facility=F1"), { ...view, facility: "F1" });
  assert.deepEqual(merge(view, "?vaccine="), { ...view, vaccine: null });
});

test("a link to another area leaves the facility and the camera behind", () => {
  const view = { ...nation, area: "NG020", facility: "F1", at: { zoom: 9, lat: 1, lon: 2 } };
  const next = merge(view, "?area=NG021");
  assert.deepEqual([next.area, next.facility, next.at], ["NG021", null, null]);
});

test("a link to where one is already keeps the camera", () => {
  const view = { ...nation, area: "NG020", at: { zoom: 9, lat: 1, lon: 2 } };
  assert.deepEqual(merge(view, "?vaccine=BCG").at, view.at);
});

test("moving the camera shows nothing else", () => {
  assert.ok(same(nation, { ...nation, at: { zoom: 9, lat: 1, lon: 2 } }));
  assert.ok(!same(nation, { ...nation, colour: "state" }));
});
