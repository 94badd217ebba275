// What does this page show, and since when? Added to a page under measurement before anything of its own runs.
(function () {
  "use strict";
  // A canvas that keeps its drawing can be read at any time; WebGL otherwise clears it once it is on screen.
  const original = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, options) {
    return original.call(this, kind, kind === "webgl2" ? { ...options, preserveDrawingBuffer: true } : options);
  };

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

  const canvas = () => document.querySelector("#stage-map canvas, .map canvas");
  const small = document.createElement("canvas");
  const brush = original.call(small, "2d", { willReadFrequently: true });

  /** The pixels of a part of the map's canvas, drawn into `wide` x `high`. */
  function read([x, y, width, height], wide, high) {
    small.width = wide;
    small.height = high;
    brush.imageSmoothingEnabled = false;
    brush.drawImage(canvas(), x, y, width, height, 0, 0, wide, high);
    return brush.getImageData(0, 0, wide, high).data;
  }

  const BLOCK = 12;
  let changes = [];
  let last = null;

  function middle() {
    const { width, height } = canvas();
    return [Math.round(width / 2 - BLOCK / 2), Math.round(height / 2 - BLOCK / 2), BLOCK, BLOCK];
  }

  /** After every frame: does the middle of the map look different from before? */
  function look() {
    const now = read(middle(), BLOCK, BLOCK);
    if (last) {
      let differing = 0;
      for (let i = 0; i < now.length; i += 4) {
        const distance = Math.abs(now[i] - last[i]) + Math.abs(now[i + 1] - last[i + 1]) + Math.abs(now[i + 2] - last[i + 2]);
        if (distance > 60) differing += 1;
      }
      // A quarter of the block: a circle that changed its class, not the edge of one.
      if (differing > (BLOCK * BLOCK) / 4) changes.push(Date.now());
      else if (differing > 0) return requestAnimationFrame(look);
    }
    last = now;
    requestAnimationFrame(look);
  }

  const pause = (wait) => new Promise((resolve) => setTimeout(resolve, wait));

  async function until(found, patience) {
    for (const end = Date.now() + patience; Date.now() < end; await pause(4)) {
      const value = found();
      if (value !== undefined && value !== false) return value;
    }
    return null;
  }

  /** Share of the map's canvas, from a grid of 64 x 40 pixels, that has one of these colours. */
  function share(colours) {
    const { width, height } = canvas();
    const pixels = read([0, 0, width, height], 64, 40);
    let found = 0;
    for (let i = 0; i < pixels.length; i += 4) {
      const near = ([r, g, b]) => Math.abs(pixels[i] - r) + Math.abs(pixels[i + 1] - g) + Math.abs(pixels[i + 2] - b) < 12;
      if (colours.some(near)) found += 1;
    }
    return found / (pixels.length / 4);
  }

  const samples = [];
  const marks = {};
  /** Until stopped: how much of the map is coloured, and when the panel and the live sign are there; ms since the start of the page. */
  async function record(colours) {
    while (!marks.stopped) {
      const now = performance.now();
      const painted = window.vaxtrace?.state?.().painted ?? 0;
      if (painted > 0) {
        marks.painted ??= now;
        samples.push([now, share(colours)]);
      }
      if (!marks.panel && document.querySelector("#panel-body h1")) marks.panel = now;
      if (!marks.live && window.vaxtrace?.state?.().live === "live") marks.live = now;
      await pause(painted > 0 ? 60 : 20);
    }
  }

  window.bench = {
    look: () => requestAnimationFrame(look),
    /** Forgets what has changed so far. */
    reset() {
      changes = [];
      arrivals.length = 0;
    },
    /** `{pixel, frame}`: when the middle changed, and when the push about this facility came; null after `patience` ms. */
    async changed(entry, patience) {
      const pixel = await until(() => changes[0], patience);
      const frame = arrivals.find(([, data]) => data.includes(entry))?.[0] ?? null;
      return { pixel, frame };
    },
    record,
    marks: () => ({ ...marks, samples, bytes: performance.getEntriesByType("resource").length }),
    stop: () => (marks.stopped = true),
  };
})();
