// Which vectors are needed, and how do they get here? Fetches each once, keeps it right through `vectors`.

import { getBytes } from "./http.mjs";

/** What the page asked for ahead may be older than the stream by now; asking again this often is enough. */
const TRIES = 3;

/** How long a busy browser may put off the next vector that nobody has asked for yet, in ms. */
const IDLE_MS = 300;

/** A `query` here is a past moment or a lens as query.mjs says them, or null for now. */
export function createValues(programme, registry, vectors) {
  const flights = new Map();
  const root = `/values/${programme}/${registry.version}`;

  function once(name, start) {
    if (!flights.has(name))
      flights.set(
        name,
        start().finally(() => flights.delete(name)),
      );
    return flights.get(name);
  }

  async function load(address, query, keep) {
    const asked = query ? `?${query}` : "";
    for (let attempt = 0; attempt < TRIES; attempt++) {
      const { bytes, seq } = await getBytes(`${root}/${address}${asked}`, {
        after: query ? vectors.applied : vectors.covered,
        fresh: attempt > 0,
      });
      if (keep(seq, bytes)) return;
    }
    throw new Error("The values on the server are older than what was already shown.");
  }

  return {
    /** Resolves when the areas of a product (by its seat) are here. */
    async areas(product, query) {
      if (vectors.hasAreas(product, query)) return;
      await once(`areas|${product}|${query}`, () =>
        load(`areas/${product}`, query, (seq, bytes) => vectors.putAreas(product, query, seq, bytes)),
      );
    },

    /** Resolves when the facilities of these partitions are here. */
    async partitions(list, product, query) {
      await Promise.all(
        list
          .filter(({ seat }) => !vectors.hasPartition(seat, product, query))
          .map((partition) =>
            once(`${partition.seat}|${product}|${query}`, () =>
              load(`${partition.seat}/${product}`, query, (seq, bytes) =>
                vectors.putPartition(partition, product, query, seq, bytes),
              ),
            ),
          ),
      );
    },

    /** Fetches the areas of every other product, one after the other while the browser is idle, so that a switch needs no network. */
    async prefetch() {
      for (const { seat } of [{ seat: 0 }, ...registry.products]) {
        await new Promise((resolve) => idle(resolve, { timeout: IDLE_MS }));
        await this.areas(seat, null).catch(() => null);
      }
    },
  };
}

const idle = window.requestIdleCallback ?? ((run) => setTimeout(run, IDLE_MS));
