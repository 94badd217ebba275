// The one classic script: runs before Dash, so that MapView is known when Dash asks for it, and starts the modules.
(function () {
  "use strict";
  const root = document.documentElement;
  let chosen = null;
  try {
    chosen = localStorage.getItem("vaxtrace-theme");
  } catch {
    // Private windows may refuse to read; the system's choice is then used.
  }
  root.dataset.theme = chosen || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

  // A form says so while the network is away: what is typed would be lost in the browser's own page of an error.
  const away = () => document.querySelectorAll("[data-offline]").forEach((note) => (note.hidden = navigator.onLine));
  ["online", "offline", "DOMContentLoaded"].forEach((name) => addEventListener(name, away));

  const page = import("./vendor/main.mjs");
  page
    .then((module) => module.drawn)
    .catch(() => null)
    .then(startDash);

  /** Runs Dash's scripts in their order, which the page keeps in a template so that the map comes first. */
  async function startDash() {
    if (document.readyState === "loading")
      await new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve));
    const template = document.getElementById("dash");
    let loaded = null;
    for (const written of template?.content.querySelectorAll("script") ?? []) {
      const src = written.getAttribute("src");
      const { id, text } = written;
      const script = Object.assign(document.createElement("script"), { async: false, id, text });
      // What is written in the page itself would otherwise run before the files that it needs.
      if (!src) await loaded;
      else {
        script.src = src;
        loaded = new Promise((resolve) => (script.onload = script.onerror = resolve));
      }
      document.body.append(script);
    }
  }

  function MapView(props) {
    const React = window.React;
    const holder = React.useRef(null);
    React.useEffect(function () {
      let left = false;
      page.then((module) => left || module.mount(holder.current));
      return function () {
        left = true;
        page.then((module) => module.unmount());
      };
    }, []);
    React.useEffect(
      function () {
        if (props.target) page.then((module) => module.aim(props.target));
      },
      [props.target],
    );
    return React.createElement("div", { id: props.id, className: "map", ref: holder });
  }

  /** A tree of elements as app/components/elements.py writes it: `[tag, attributes, [child, ...]]`, or words. */
  function Elements({ tree }) {
    return build(tree, 0);
  }

  function build(node, place) {
    if (!Array.isArray(node)) return node;
    const [tag, attributes, children] = node;
    return window.React.createElement(tag, { key: place, ...attributes }, children.map(build));
  }

  window.vaxtrace = Object.assign(window.vaxtrace || {}, { MapView, Elements });
})();
