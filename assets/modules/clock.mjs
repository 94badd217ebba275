// How old is it by now? Times under a day old keep counting while the page is open; older ones stay as they were written.

import * as headline from "./headline.mjs";
import { write } from "./dom.mjs";
import { ago } from "./words.mjs";

const DAY_MS = 86400000;

export function start() {
  setInterval(() => {
    if (document.hidden) return;
    const now = Date.now();
    for (const time of document.querySelectorAll("time[datetime]")) {
      const then = Date.parse(time.dateTime);
      if (now - then < DAY_MS && now >= then) write(time, ago(then, now));
    }
    headline.tick(now);
  }, 20000);
}
