// How is it said? Numbers, times and the state of the connection in plain words. Pure.

const UNITS = [
  ["year", 31557600],
  ["month", 2629800],
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
];

/** "3 minutes ago", "just now", "in 2 days". */
export function ago(then, now) {
  const seconds = (now - then) / 1000;
  for (const [unit, length] of UNITS) {
    const count = Math.floor(Math.abs(seconds) / length);
    if (count < 1) continue;
    const text = `${count} ${unit}${count === 1 ? "" : "s"}`;
    return seconds > 0 ? `${text} ago` : `in ${text}`;
  }
  return "just now";
}

/** "2 min", "3 h", "5 days": the age in a headline. */
export function age(then, now) {
  const minutes = Math.max(0, Math.floor((now - then) / 60000));
  if (minutes < 1) return "Now";
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h`;
  return `${Math.floor(minutes / 1440)} days`;
}

/** What stands under it. */
export const ageOf = (text) => (text === "Now" ? "just arrived" : "ago");

/** 1,240; 120 k; 1.2 M: big numbers shorten on screen, as app/components/words.py does it. */
export function short(number) {
  if (Math.abs(number) < 99950) return Math.round(number).toLocaleString("en-GB");
  if (Math.abs(number) < 999500) return `${Math.round(number / 1e3).toLocaleString("en-GB")} k`;
  return `${(number / 1e6).toFixed(1)} M`;
}

/** "23 %", or "no data". */
export function percent(share) {
  return share <= 100 ? `${share} %` : "no data";
}

/** "10:42" on the reader's clock. */
export function clock(time) {
  const date = new Date(time);
  return [date.getHours(), date.getMinutes()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** "4 March 2026" of "2026-03-04". */
export function dayName(day) {
  return new Date(`${day}T12:00:00Z`).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "long",
    year: "numeric",
    timeZone: "UTC",
  });
}

/** "May 2016" of "2016-05". */
export function monthName(month) {
  return new Date(`${month}-15T00:00:00Z`).toLocaleDateString("en-GB", {
    month: "short",
    year: "numeric",
    timeZone: "UTC",
  });
}

/** Until when a stockout is asked for: "within 30 days", "before the next delivery". */
export function within({ colour, horizon, month, as_of: day }) {
  const asked = colour === "probability" && horizon && !month && !day;
  return asked ? `within ${horizon} days` : "before the next delivery";
}

/** The state of the connection: what the dot says, and the sentence beside it when there is more to say. */
export function connection(state, asOf) {
  if (state === "live") return { text: "Live", detail: "" };
  if (state === "paused")
    return { text: "Live updates paused", detail: `Live updates pause; numbers are as of ${clock(asOf)}` };
  return { text: "Reconnecting", detail: "" };
}

/** What the headline cells say for one area entry of a `map:update` (see docs/architecture.md, Live). */
export function headline(entry) {
  const [, , , , reporting, handling, reported, out, atRisk] = entry;
  return {
    out: { value: short(out), detail: `of ${short(reported)} reporting` },
    risk: { value: short(atRisk), detail: `of ${short(reported)} reporting` },
    reporting: { value: percent(reporting), detail: `${short(reported)} of ${short(handling)} facilities` },
  };
}
