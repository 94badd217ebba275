// In which order are pushes applied? Strictly one after the other, without a gap: a push is applied only when its
// number is the next one. Pure but for the functions it is given.

/** How many pushes may wait for a gap to be filled before the rest is dropped: the catch-up brings them anyway. */
const WAITING_MAX = 1000;

/**
 * `apply(change)` is called once per number, in order; `reload()` when the past cannot be told in steps;
 * `ask(since)` when something was missed, at most once until `answer` or `failed` is called.
 */
export function createSequence(seq, { apply, reload, ask }) {
  let at = seq;
  let asking = false;
  const waiting = new Map();

  function drain() {
    while (waiting.has(at + 1)) {
      const change = waiting.get(at + 1);
      waiting.delete(at + 1);
      at = change.seq;
      apply(change);
    }
    for (const number of waiting.keys()) if (number <= at) waiting.delete(number);
  }

  function askOnce() {
    if (asking) return;
    asking = true;
    ask(at);
  }

  return {
    get seq() {
      return at;
    },

    /** How far the server is: what it is ahead of us was missed, because it says so after its pushes. */
    notice(head) {
      if (head > at) askOnce();
    },

    /** One push as it arrives, `{seq, event, payload}`. */
    offer(change) {
      if (!(change.seq > at)) return;
      if (waiting.size < WAITING_MAX) waiting.set(change.seq, change);
      drain();
      if (waiting.size > 0) askOnce();
    },

    /** What `changes?since=` or the subscription said: `{seq, changes}` or `{seq, reload: true}`. */
    answer({ seq: head, changes, reload: again }) {
      asking = false;
      // A head below ours is an answer overtaken by pushes, unless the server itself began anew: it then says reload.
      if (again) {
        at = head;
        reload();
      } else {
        for (const change of changes ?? []) {
          if (change.seq <= at) continue;
          at = change.seq;
          apply(change);
        }
        at = Math.max(at, head);
      }
      drain();
      if (waiting.size > 0) askOnce();
    },

    /** The question got no answer: the next push, or the caller, asks again. */
    failed() {
      asking = false;
    },
  };
}
