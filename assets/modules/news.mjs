// What does a push change on this page? The map, the headline, the ticker, and the panel when it is about what it shows.

import { showConnection } from "./controls.mjs";
import * as headline from "./headline.mjs";
import { createLive } from "./live.mjs";
import * as ticker from "./ticker.mjs";

/** `pulse.soon()` and `pulse.sometime()` ask Python to read the panel again. Resolves once the socket is on its way. */
export async function follow({ programme, registry, view, map, pulse }) {
  const { io } = await import("../vendor/socket.io/socket.io.mjs");
  let shown = ["reconnecting", Date.now()];

  function apply({ seq, event, payload }) {
    if (event === "map:update") {
      map?.update(seq, payload);
      if (headline.update(payload)) pulse.sometime();
      return;
    }
    map?.vectors.advance(seq);
    ticker.add(event, payload);
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
    },
  });
  live.watch(view.get().facility);
  return {
    watch: live.watch,
    sync: () => showConnection(...shown),
    state: () => ({ seq: live.seq, live: live.state, asOf: live.asOf }),
  };
}
