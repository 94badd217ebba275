// What does this page show, and since when? Added to a page under measurement before anything of its own runs.
(function () {
  "use strict";
  /** The map's drawing, and what is to be read of it after each frame: right behind the frame's own callback, once. */
  let gl = null;
  let read = null;
  let drawn = false;

  function drawing() {
    if (drawn || !read) return;
    drawn = true;
    queueMicrotask(() => {
      drawn = false;
      read?.();
    });
  }

  const original = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, ...options) {
    const made = original.call(this, kind, ...options);
    if (kind === "webgl2" && made && this.classList.contains("maplibregl-canvas") && made !== gl) {
      gl = made;
      for (const name of ["drawElements", "drawArrays", "clear"]) {
        const draw = gl[name].bind(gl);
        gl[name] = (...given) => {
          drawing();
          return draw(...given);
        };
      }
    }
    return made;
  };

  /** Pixels of what is on the screen's own buffer; waits until they are really there. */
  function pixels(x, y, width, height) {
    const bound = gl.getParameter(gl.FRAMEBUFFER_BINDING);
    if (bound) gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    const found = new Uint8Array(width * height * 4);
    gl.readPixels(x, y, width, height, gl.RGBA, gl.UNSIGNED_BYTE, found);
    if (bound) gl.bindFramebuffer(gl.FRAMEBUFFER, bound);
    return found;
  }

  const distance = (a, b, i) => Math.abs(a[i] - b[i]) + Math.abs(a[i + 1] - b[i + 1]) + Math.abs(a[i + 2] - b[i + 2]);

  // When a frame with a change of a facility arrives: the part of the way that is not the browser's.
  const arrivals = [];
  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => {
        if (typeof data === "string" && data.includes('"map:update"')) arrivals.push([Date.now(), data]);
      });
    }
  };

  const BLOCK = 12;
  let changes = [];
  let last = null;

  /** Does the middle of the map look different from before? A quarter of the block: a circle of another class. */
  function look() {
    const { width, height } = gl.canvas;
    const issued = Date.now();
    const now = pixels(Math.round((width - BLOCK) / 2), Math.round((height - BLOCK) / 2), BLOCK, BLOCK);
    let differing = 0;
    for (let i = 0; last && i < now.length; i += 4) differing += distance(now, last, i) > 60 ? 1 : 0;
    if (differing > (BLOCK * BLOCK) / 4) changes.push({ issued, pixel: Date.now() });
    if (!last || differing > (BLOCK * BLOCK) / 4) last = now;
  }

  const ROWS = 32;
  const samples = [];
  const marks = {};

  /** Which share of the map has one of these colours? From a few rows of it. */
  function share(colours) {
    const { width, height } = gl.canvas;
    let found = 0;
    for (let row = 0; row < ROWS; row++) {
      const line = pixels(0, Math.floor(((row + 0.5) * height) / ROWS), width, 1);
      for (let i = 0; i < line.length; i += 32) {
        const near = ([r, g, b]) => Math.abs(line[i] - r) + Math.abs(line[i + 1] - g) + Math.abs(line[i + 2] - b) < 12;
        if (colours.some(near)) found += 1;
      }
    }
    return found / ((ROWS * width) / 8);
  }

  const pause = (wait) => new Promise((resolve) => setTimeout(resolve, wait));

  window.bench = {
    /** From the next frame on. */
    look() {
      read = look;
    },
    /** Forgets what has changed so far. */
    reset() {
      changes = [];
      arrivals.length = 0;
    },
    /** When the push about this facility came, the page had given its drawing away, and the pixel was there; or null. */
    async changed(entry, patience) {
      for (const end = Date.now() + patience; changes.length === 0 && Date.now() < end; ) await pause(4);
      const push = arrivals.find(([, data]) => data.includes(entry))?.[0] ?? null;
      return changes.length > 0 ? { push, ...changes[0] } : null;
    },
    /** From now on: how much of the map is coloured, when the panel is there and when the page is live; ms since its start. */
    async record(colours) {
      read = () => samples.push([performance.now(), share(colours)]);
      while (!marks.panel || !marks.live) {
        if (!marks.panel && document.querySelector("#panel-body h1")) marks.panel = performance.now();
        if (!marks.live && window.vaxtrace?.state?.().live === "live") marks.live = performance.now();
        await pause(20);
      }
    },
    coloured: () => (samples.at(-1)?.[1] ?? 0) > 0.05,
    marks: () => ({ ...marks, samples }),
  };
})();
