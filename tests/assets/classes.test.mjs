import assert from "node:assert/strict";
import { test } from "node:test";

import * as classes from "../../assets/modules/classes.mjs";

/** Relative luminance of "#rrggbb", as WCAG has it. */
function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

test("the byte of each state is the server's", () => {
  const words = classes.STATES.map((state) => state.name);
  assert.deepEqual(words, ["no-report", "inactive", "stockout", "critical", "low", "overstock", "adequate"]);
});

test("every ramp goes one way in grey, so that it reads without colour", () => {
  for (const ramp of [classes.RISK_RAMP, classes.REPORTING_RAMP]) {
    for (const theme of ["light", "dark"]) {
      const greys = ramp[theme].map(luminance);
      const way = Math.sign(greys[9] - greys[0]);
      assert.equal(way, theme === "light" ? -1 : 1);
      for (let step = 1; step < 10; step++)
        assert.equal(Math.sign(greys[step] - greys[step - 1]), way, `${theme} ${step}`);
    }
  }
});

test("an area falls into the class whose lower bound it reaches", () => {
  const at = (risk) => classes.areaClass({ risk, out: 0, reporting: 100 }, "risk");
  assert.deepEqual([0, 4, 5, 9, 10, 74, 75, 100].map(at), [0, 0, 1, 1, 2, 8, 9, 9]);
});

test("no data is a class of its own for areas and facilities", () => {
  assert.equal(classes.areaClass({ risk: 255, out: 255, reporting: 255 }, "risk"), -1);
  assert.equal(classes.areaClass(null, "risk"), -1);
  assert.equal(classes.facilityClass(null, "state"), -1);
});

test("what an area is coloured by follows the choice", () => {
  const values = { risk: 50, out: 3, reporting: 100 };
  assert.equal(classes.areaClass(values, "risk"), 7);
  assert.equal(classes.areaClass(values, "probability"), 7);
  assert.equal(classes.areaClass(values, "state"), 0);
  assert.equal(classes.areaClass(values, "reporting"), 19);
});

test("a facility without a probability keeps saying why", () => {
  const of = (state, decile) => classes.facilityClass({ state, decile }, "probability");
  assert.equal(of(classes.CRITICAL, 7), classes.DECILES + 7);
  assert.equal(of(classes.NO_REPORT, 255), classes.NO_REPORT);
  assert.equal(of(classes.INACTIVE, 255), classes.INACTIVE);
});

test("reporting tells only who reported", () => {
  assert.equal(classes.facilityClass({ state: classes.NO_REPORT, decile: 255 }, "reporting"), classes.NO_REPORT);
  assert.equal(classes.facilityClass({ state: classes.STOCKOUT, decile: 9 }, "reporting"), classes.REPORTED);
});
