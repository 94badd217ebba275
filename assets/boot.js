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

  const page = import("./vendor/main.mjs");

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

  window.vaxtrace = Object.assign(window.vaxtrace || {}, { MapView });
})();
