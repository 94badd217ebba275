// What does the page do? This module wires the others; whoever opens one file of the browser's side opens this one.

import { debounce } from "./batch.mjs";
import * as clock from "./clock.mjs";
import * as controls from "./controls.mjs";
import * as dash from "./dash.mjs";
import { createDays } from "./days.mjs";
import { keep, present } from "./dom.mjs";
import { getJson } from "./http.mjs";
import { createMap } from "./map.mjs";
import { say } from "./message.mjs";
import { createMonths } from "./months.mjs";
import { follow } from "./news.mjs";
import { indexRegistry } from "./registry.mjs";
import * as search from "./search.mjs";
import * as sheet from "./sheet.mjs";
import * as tables from "./tables.mjs";
import * as theme from "./theme.mjs";
import { prepare } from "./stage.mjs";
import { createView } from "./view.mjs";
import { createWaiting } from "./waiting.mjs";

/**
 * Panels are read again after a calm of the first, at the latest after the second, in ms. Dash may take half a second to
 * render one, in which no colour changes: where a whole nation moves all the time, its panel follows at a slower beat
 * than the panel of the one facility that has changed.
 */
const SOON_MS = [1000, 3000];
const SOMETIME_MS = [1000, 15000];

/** What is said where the panel is still about another place. */
const UNREAD = "The panel still shows what was there before: the server did not answer. It is read again by itself.";

/** How long Dash waits for the map to repaint, in ms. */
const FRAME_MS = 250;

/** How long Dash waits for the first picture of the map before it starts, in ms: each keeps a slow machine busy by itself. */
const FIRST_MS = 4000;

const pause = (wait) => new Promise((resolve) => setTimeout(resolve, wait));

const programme = document.querySelector('meta[name="vaxtrace-programme"]')?.content ?? null;
const page = { root: null, map: null, news: null, finder: null, months: null, days: null, target: null, sought: null };
const view = createView(viewChanged);

let draw = null;
const picture = new Promise((resolve) => (draw = resolve));
/** Settles with the first picture of the map, or when there will be none, or when it takes too long. */
export const drawn = Promise.race([picture, pause(FIRST_MS)]);

let pulses = 0;
const bump = () => dash.setProps("pulse", { data: (pulses += 1) });
const pulse = { soon: debounce(bump, ...SOON_MS), sometime: debounce(bump, ...SOMETIME_MS) };

/** Whether the panel could not be read, which is tried again as soon as the page is live. */
let unread = false;
const waiting = createWaiting(() => {
  unread = true;
  say(UNREAD, again);
});

function again() {
  say("");
  waiting.begin();
  bump();
}

/** Tells Python what is on screen. The camera is not part of it: moving the map wakes nobody. */
function mirror() {
  const { area, facility, vaccine, month, as_of, sense, colour, horizon, preset } = view.get();
  const shown = { area, facility, vaccine, month, as_of, sense, colour, horizon, preset };
  dash.setProps("view", { data: { programme, ...shown, theme: theme.current() } });
}

function viewChanged(now, before, cause) {
  // The map repaints first: what Dash asks for and renders must not hold up the frame, nor wait for it for long.
  Promise.race([page.map?.viewChanged(now, before, cause), pause(FRAME_MS)]).then(mirror);
  sync();
  page.news?.watch(now.facility);
  page.sought = null;
  if (page.news) waiting.begin();
  if (now.area !== before.area || now.facility !== before.facility) sheet.reveal();
  else if (now.facility && now.vaccine && now.vaccine !== before.vaccine) page.sought = now.vaccine;
}

/** Makes what Dash has just rendered show what is so. Changes nothing when all is well. */
function sync() {
  controls.sync(view.get());
  tables.sync();
  page.finder?.sync();
  page.months?.sync(view.get());
  page.days?.sync(view.get());
  page.map?.legend();
  page.news?.sync();
  if (page.sought && sheet.revealVaccine(page.sought)) page.sought = null;
}

async function start() {
  const library = prepare();
  // What goes wrong with it is said where it is waited for.
  library.catch(() => null);
  mirror();
  controls.attach(view);
  page.root = await present("stage-map");
  const registry = indexRegistry(await getJson(`/api/v1/${programme}/registry`));
  const go = (patch) => view.set(patch);
  page.finder = search.attach(programme, go);
  page.months = createMonths(registry.months, {
    set: (month, how) => view.set({ month, as_of: null, sense: null }, how),
  });
  page.days = createDays(registry.months, { set: (day) => view.set({ month: null, ...day }) });
  theme.attach((wanted) => {
    mirror();
    page.map?.theme(wanted);
  });
  keep(sync);
  page.map = await createMap(page.root, { library, programme, registry, view, go });
  (page.map?.whole ?? Promise.resolve()).then(draw);
  if (page.target) aim(page.target);
  page.news = await follow({ programme, registry, view, map: page.map, pulse, back: () => unread && again() });
  sync();
}

/** Dash has rendered the map's place: the map moves in, with the canvas it has. */
export async function mount(holder) {
  page.root ??= await present("stage-map");
  holder.append(page.root);
  dash.ready();
  sync();
}

/** Dash is about to take the map's place away: the map stays, for the next one. */
export function unmount() {
  document.body.prepend(page.root);
}

/** Where the place lies that the view names, as Python says. */
export function aim(target) {
  if (unread) say("");
  unread = false;
  waiting.over();
  page.target = target;
  page.map?.aim(target);
}

Object.assign(window.vaxtrace, {
  state: () => ({ ready: page.map !== null && page.news !== null, ...page.map?.state(), ...page.news?.state() }),
  shown: (kind, id) => page.map?.shown(kind, id) ?? null,
  where: (lon, lat) => page.map?.where(lon, lat) ?? null,
});

tables.attach();
sheet.attach();
clock.start();
if (programme) {
  start().catch((problem) => {
    draw();
    if (problem.status === 401) location.assign("/login");
    else say(`The map could not start. ${problem.message} Nothing that was recorded is lost.`, () => location.reload());
  });
} else {
  draw();
  theme.attach(() => null);
}
