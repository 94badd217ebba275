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

/** Runs `run` `soon` ms after a call, and however many calls there are never twice within `wait` ms. */
export function beat(run, soon, wait, { set = setTimeout, now = Date.now } = {}) {
  let ran = -Infinity;
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    set(
      () => {
        waiting = false;
        ran = now();
        run();
      },
      Math.max(soon, ran + wait - now()),
    );
  };
}

/** A function that is told of each event and says whether more than `most` of them came within `span` ms. */
export function createCrowd(most, span, now = Date.now) {
  let times = [];
  return () => {
    const at = now();
    times = [...times.filter((time) => time > at - span), at].slice(-most - 1);
    return times.length > most;
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
