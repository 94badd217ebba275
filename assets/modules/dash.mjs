// How do we tell Dash? Its stores can be written once it has mounted the page; until then the latest value waits.

const waiting = new Map();
let mounted = false;

/** Writes properties of a component, at once or as soon as Dash is there. */
export function setProps(id, props) {
  if (mounted) window.dash_clientside.set_props(id, props);
  else waiting.set(id, props);
}

/** Dash has mounted the map, and with it the page. */
export function ready() {
  mounted = true;
  for (const [id, props] of waiting) window.dash_clientside.set_props(id, props);
  waiting.clear();
}
