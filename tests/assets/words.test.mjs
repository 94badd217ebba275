import assert from "node:assert/strict";
import { test } from "node:test";

import * as words from "../../assets/modules/words.mjs";

const MINUTE = 60000;

test("ages are said in the largest whole unit", () => {
  const now = Date.UTC(2026, 0, 5, 12);
  const said = (minutes) => words.ago(now - minutes * MINUTE, now);
  assert.deepEqual([0, 1, 59, 60, 1439, 1440].map(said), [
    "just now",
    "1 minute ago",
    "59 minutes ago",
    "1 hour ago",
    "23 hours ago",
    "1 day ago",
  ]);
  assert.equal(words.ago(now + 2 * 1440 * MINUTE, now), "in 2 days");
});

test("a clock that is a little ahead makes nothing younger than now", () => {
  assert.equal(words.age(2000, 1000), "Now");
});

test("big numbers shorten, small ones keep every digit", () => {
  assert.deepEqual([0, 1240, 99949, 120400, 1234567].map(words.short), ["0", "1,240", "99,949", "120 k", "1.2 M"]);
});

test("the headline says its denominators", () => {
  const { out, risk, reporting } = words.headline([12, 3, 40, 20, 93, 774, 712, 41, 99]);
  assert.deepEqual(out, { value: "41", detail: "of 712 reporting" });
  assert.deepEqual(risk, { value: "99", detail: "of 712 reporting" });
  assert.deepEqual(reporting, { value: "93 %", detail: "712 of 774 facilities" });
});

test("no data is said, never shown as 255 %", () => {
  assert.equal(words.percent(255), "no data");
});

test("when live updates pause, the sentence says how old the numbers are", () => {
  const at = new Date(2026, 0, 5, 10, 42).getTime();
  assert.equal(words.connection("paused", at).detail, "Live updates pause; numbers are as of 10:42");
  assert.deepEqual(words.connection("live", at), { text: "Live", detail: "" });
});

test("a chance says until when", () => {
  assert.equal(words.within({ colour: "probability", horizon: "30" }), "within 30 days");
  assert.equal(words.within({ colour: "probability", horizon: null }), "before the next delivery");
  assert.equal(words.within({ colour: "risk", horizon: "30" }), "before the next delivery");
  assert.equal(words.within({ colour: "probability", horizon: "30", month: "2016-05" }), "before the next delivery");
});
