// What does the map show, and when does it change? Joins the stage, the values and the view.

import { beat } from "./batch.mjs";
import * as hover from "./hover.mjs";
import { getJson } from "./http.mjs";
import * as legend from "./legend.mjs";
import { say } from "./message.mjs";
import { createPaint } from "./paint.mjs";
import { boundsOf, differ } from "./places.mjs";
import { createPulses } from "./pulses.mjs";
import { asked as askedBy, lens, moment } from "./query.mjs";
import { createStage } from "./stage.mjs";
import * as theme from "./theme.mjs";
import { createValues } from "./values.mjs";
import { createVectors } from "./vectors.mjs";
import { within } from "./words.mjs";

/** A load that is quicker than this shows no sign of itself, in ms. */
const BUSY_MS = 200;

/** What is seen through a lens is asked for again after a push, soon, and not more often than this, in ms. */
const AGAIN_MS = [500, 5000];

/** What the values of a view are asked by. */
const wantedOf = (view, registry) => ({
  product: registry.seatOf(view.vaccine),
  query: askedBy(view),
  colour: view.colour,
});

const when = ({ month, as_of, sense }) => ({ month, as_of, sense });

/** What is said where there is no map. */
const REFUSAL = "This browser cannot draw the map (it lacks WebGL 2). The panel lists the same numbers as a table.";

/** What is on the map where the values that were asked for did not come. */
const KEPT = "The map still shows what was there before.";
const NOTHING = "The map has no numbers to show.";

/** Whether only the server can go on from here: signed out, or the registry has another version by now. */
async function outdated(programme, registry, { status }) {
  if (status !== 404) return status === 401;
  const { version } = await getJson(`/api/v1/${programme}/registry`).catch(() => registry);
  return version !== registry.version;
}

/** The stage, or null where this browser has no WebGL 2, which is said. */
function open(maplibre, root, options) {
  try {
    return createStage(maplibre, root, options);
  } catch (problem) {
    if (!(problem instanceof maplibre.GPUInitializationError)) throw problem;
    say(REFUSAL);
    return null;
  }
}

/** Resolves to the map, or to null where this browser cannot draw it (and the page says so). `library` as of `prepare`. */
export async function createMap(root, { library, programme, registry, view, go }) {
  const vectors = createVectors(registry, registry.seq);
  const values = createValues(programme, registry, vectors);
  const wanted = () => wantedOf(view.get(), registry);
  // Asked for while MapLibre is still on its way; `show` reports what goes wrong with it.
  values.areas(wanted().product, wanted().query).catch(() => null);
  const maplibre = await library;
  const stage = open(maplibre, root, { programme, registry, theme: theme.current(), at: view.get().at });
  if (!stage) return null;
  const { map, zooms } = stage;
  await new Promise((resolve) => map.once("style.load", resolve));
  const paint = createPaint(map, registry, vectors);
  const pulses = createPulses(map, maplibre, stage);
  let turn = 0;
  let asked = view.get().at ? null : { ...place(view.get()), fitted: null };

  const near = () => map.getZoom() >= zooms.near;
  const resting = () => !map.isMoving() && map.loaded();
  const inView = () => (near() ? registry.partitionsIn(map.getBounds().toArray().flat()) : []);
  const drawLegend = () => legend.show({ ...view.get(), lens: lens(view.get()), near: near(), theme: theme.current() });

  /** Repaints for the view as it is now; the last call wins. */
  async function show() {
    const mine = (turn += 1);
    const next = wanted();
    const busy = setTimeout(() => root.classList.add("busy"), BUSY_MS);
    try {
      await Promise.all([
        values.areas(next.product, next.query),
        values.partitions(inView(), next.product, next.query),
      ]);
      if (mine === turn) {
        await paint.all(next, inView());
        card.refresh();
        say("");
      }
    } catch (problem) {
      if (await outdated(programme, registry, problem)) location.reload();
      else if (mine === turn) say(`${paint.count ? KEPT : NOTHING} ${problem.message}`, show);
    } finally {
      clearTimeout(busy);
      if (mine === turn) root.classList.remove("busy");
    }
  }

  const again = beat(() => lens(view.get()) && show(), ...AGAIN_MS);

  /** Brings and paints the facilities that a move has uncovered. */
  async function uncover() {
    const mine = turn;
    const { product, query } = wanted();
    const missing = inView().filter(({ seat }) => !vectors.hasPartition(seat, product, query));
    if (missing.length === 0) return paint.some(inView());
    await values.partitions(missing, product, query).catch((problem) => say(problem.message, uncover));
    if (mine === turn) paint.some(inView());
  }

  function look({ area, facility, at }) {
    asked = null;
    if (at) return map.easeTo({ center: [at.lon, at.lat], zoom: at.zoom, ...stage.motion() });
    if (!area && !facility) return stage.fit(registry.bbox);
    const known = boundsOf(map, facility ? "facilities" : "areas", facility ?? area);
    asked = { area, facility, fitted: known };
    if (known) stage.fit(known);
  }

  map.on("moveend", () => {
    const { lng: lon, lat } = map.getCenter();
    view.moved({ zoom: map.getZoom(), lat, lon });
    drawLegend();
    uncover();
  });
  const whole = map.once("idle");
  whole.then(() => values.prefetch());
  const card = hover.attach(map, {
    read(kind, id) {
      const { product, query } = wanted();
      const partition = kind === "facilities" && registry.partitionOf(id);
      return partition ? vectors.facility(id, partition, product, query) : vectors.area(id, product, query);
    },
    within: () => within(view.get()),
    go: ({ kind, code }) => go(kind === "facilities" ? { facility: code } : { area: code, facility: null }),
    middle: stage.middle,
    leave: () => go(view.get().facility ? { facility: null } : { area: null }),
  });
  stage.select(view.get());
  await show();

  return {
    map,
    vectors,
    /** Resolves once everything in view has been drawn. */
    whole,
    legend: drawLegend,
    theme(next) {
      stage.theme(next);
      stage.select(view.get());
      drawLegend();
    },
    /** Resolves when what changed is painted. */
    async viewChanged(now, before, cause) {
      stage.select(now);
      drawLegend();
      if (cause === "history" || now.area !== before.area || now.facility !== before.facility) look(now);
      const other = ["vaccine", "colour"].some((name) => now[name] !== before[name]);
      if (other || askedBy(now) !== askedBy(before)) return show();
      return null;
    },
    /** Python says where a place lies: go there if the reader asked for it and is not there yet. */
    aim({ area, facility, bounds }) {
      if (!asked || !bounds || area !== asked.area || (facility ?? null) !== asked.facility) return;
      if (differ(asked.fitted, bounds)) stage.fit(bounds);
      asked = null;
    },
    /** A push; with `motion` a ring shows where it took place. */
    update(seq, payload, motion) {
      vectors.apply(seq, payload);
      // The colour first: finding the places for the rings, and their motion, would hold it up.
      const painted = paint.touch(payload);
      if (lens(view.get())) again();
      if (motion) painted.then(() => moment(view.get()) || pulses.show(payload, wanted().product));
    },
    reload(seq) {
      vectors.forget(seq);
      show();
    },
    state: () => ({
      ...wanted(),
      ...when(view.get()),
      painted: paint.count,
      zoom: map.getZoom(),
      near: near(),
      resting: resting(),
    }),
    shown: (kind, id) => paint.classOf[kind](id),
    where(lon, lat) {
      const { left, top } = root.getBoundingClientRect();
      const { x, y } = map.project([lon, lat]);
      return [left + x, top + y];
    },
  };
}

const place = ({ area, facility }) => ({ area, facility });
