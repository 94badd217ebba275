// What do the colours mean? The legend follows what is drawn: areas far out, facilities near.

import { byId, element } from "./dom.mjs";
import { LEGEND_ORDER, NO_REPORT, REPORTING_RAMP, RISK_RAMP, SHARE_BREAKS, STATES } from "./classes.mjs";
import { within } from "./words.mjs";

const AT_RISK = "Children whose facility is out of stock, or will be before the next delivery";
const TITLES = {
  risk: () => AT_RISK,
  state: () => "Children whose facility is out of stock",
  probability: (lens, until) => (lens ? `Children by the chance that their facility runs out ${until}` : AT_RISK),
  reporting: () => "Facilities that report",
};
const TENTHS = Array.from({ length: 10 }, (_, tenth) => tenth * 10);

/** Draws the legend into `#legend` when it is not what is there already; `view` as in query.mjs, and its `lens`. */
export function show({ near, theme, lens, ...view }) {
  const place = byId("legend");
  if (!place) return;
  const { colour } = view;
  const until = within(view);
  const levels = byId("preset")?.selectedOptions[0]?.dataset.says ?? "";
  const name = [colour, near, theme, lens, until, levels].join("|");
  if (place.dataset.shows === name && place.children.length > 0) return;
  place.dataset.shows = name;
  const drawn =
    near && colour === "probability"
      ? ramp(`Chance of a stockout ${until}`, RISK_RAMP[theme], TENTHS, null)
      : near
        ? states(colour, theme, view.month || view.as_of ? "" : levels)
        : ramp(
            TITLES[colour](lens, until),
            colour === "reporting" ? REPORTING_RAMP[theme] : RISK_RAMP[theme],
            colour === "reporting" ? TENTHS : SHARE_BREAKS,
            "No report",
          );
  place.replaceChildren(...drawn);
}

function ramp(title, colours, breaks, nothing) {
  const scale = element("div", "ramp", undefined, {
    role: "img",
    "aria-label": `${title}: ten steps from 0 to 100 percent, pale to dark`,
  });
  colours.forEach((colour, step) => {
    const cell = element("span", "ramp-step", undefined, { title: `${breaks[step]} to ${breaks[step + 1] ?? 100} %` });
    cell.style.setProperty("--c", colour);
    cell.append(element("i", "ramp-label", String(breaks[step])));
    scale.append(cell);
  });
  scale.append(element("i", "ramp-end", "100 %"));
  const items = [element("p", "legend-title", title), scale];
  if (nothing) items.push(element("span", "legend-item hatch", nothing));
  return items;
}

function states(colour, theme, levels) {
  const shown = colour === "reporting" ? null : LEGEND_ORDER;
  // On a phone it is moved sideways, also with keys.
  const list = element("div", "legend-states", undefined, { role: "group", "aria-label": "Signs", tabindex: "0" });
  if (!shown) {
    const reported = element("span", "legend-item dot", "Reported");
    reported.style.setProperty("--c", REPORTING_RAMP[theme][7]);
    list.append(reported, element("span", `legend-item mark state-${STATES[NO_REPORT].name}`, STATES[NO_REPORT].word));
  } else {
    for (const state of shown)
      list.append(element("span", `legend-item mark state-${STATES[state].name}`, STATES[state].word));
  }
  // A number and its percent sign stay on one line.
  const said = levels.replaceAll(" %", "\u00a0%");
  const title = colour === "state" && levels ? `State of each facility: ${said}` : "State of each facility";
  return [element("p", "legend-title", colour === "reporting" ? "Facilities that report" : title), list];
}
