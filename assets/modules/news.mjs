// What does a push change on this page? The map, the headline, the ticker, and the panel when it is about what it shows.

import { beat, createCrowd } from "./batch.mjs";
import { showConnection } from "./controls.mjs";
import * as headline from "./headline.mjs";
import { createLive } from "./live.mjs";
import * as ticker from "./ticker.mjs";

/** Numbers and lines over the map appear together, behind the frame that changes the map, and at most this often. */
const BEAT_MS = [100, 1000];

/**
 * With more updates than this within a second, rings, shining numbers and gliding lines are noise: the map itself moves.
 * Without a graphics card each of their frames also costs as much as the frame that shows a change.
 */
const CALM = [4, 1000];

/**
 * `pulse.soon()` and `pulse.sometime()` ask Python to read the panel again; `back()` is called when the page is live.
 * Resolves once the socket is on its way.
 */
export async function follow({ programme, registry, view, map, pulse, back }) {
  const { io } = await import("../vendor/socket.io/socket.io.mjs");
  const crowded = createCrowd(...CALM);
  let shown = ["reconnecting", Date.now()];
  let motion = true;

  const tell = beat(
    () => {
      headline.show(motion);
      ticker.show(motion);
    },
    ...BEAT_MS,
  );

  function apply({ seq, event, payload }) {
    if (event === "map:update") {
      motion = !crowded();
      map?.update(seq, payload, motion);
      if (headline.update(payload)) pulse.sometime();
    } else {
      map?.vectors.advance(seq);
      ticker.add(event, payload);
    }
    tell();
  }

  const live = createLive(io, {
    programme,
    seq: registry.seq,
    apply,
    reload(seq) {
      map?.reload(seq);
      pulse.soon();
    },
    onFacility({ facility }) {
      if (facility === view.get().facility) pulse.soon();
    },
    onState(...state) {
      shown = state;
      showConnection(...state);
      if (state[0] === "live") back();
    },
  });
  live.watch(view.get().facility);
  return {
    watch: live.watch,
    sync: () => showConnection(...shown),
    state: () => ({ seq: live.seq, live: live.state, asOf: live.asOf }),
  };
}
