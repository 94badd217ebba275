// When is work done? Together, once per frame, or once things have calmed down. Pure but for the scheduler given.

/** Collects values until the next frame, then hands all of them to `run` at once. */
export function perFrame(run, schedule = requestAnimationFrame) {
  let values = [];
  return (value) => {
    values.push(value);
    if (values.length > 1) return;
    schedule(() => {
      const batch = values;
      values = [];
      run(batch);
    });
  };
}

/** Runs `run` with the last arguments `wait` ms after the last call, but no later than `longest` ms after the first. */
export function debounce(
  run,
  wait,
  longest = Infinity,
  { set = setTimeout, clear = clearTimeout, now = Date.now } = {},
) {
  let timer = null;
  let first = 0;
  const call = (...args) => {
    if (timer === null) first = now();
    else clear(timer);
    const left = Math.max(0, Math.min(wait, first + longest - now()));
    timer = set(() => {
      timer = null;
      run(...args);
    }, left);
  };
  call.cancel = () => {
    if (timer !== null) clear(timer);
    timer = null;
  };
  return call;
}
