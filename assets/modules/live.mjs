// How do changes arrive? Over one socket, in sequence; by a slow HTTP question when the socket cannot connect.

import { createSequence } from "./sequence.mjs";
import { getJson } from "./http.mjs";

/** Pushes that carry a number. */
const NUMBERED = ["map:update", "stock:update", "alert:new", "alert:resolved", "map:reload"];

/** A quiet socket is asked whether something was missed: the queue behind it may lose a push, or all of them. */
const QUIET_MS = 15000;
/** Without a socket for so long, the page says that updates are paused and asks over HTTP, this often. */
const PATIENCE_MS = 8000;
const SLOW_MS = 20000;
const ACK_MS = 5000;
/** Two questions about a gap are never closer than this. */
const AGAIN_MS = 500;

/**
 * `apply(change)` and `reload(seq)` as in sequence.mjs; `onFacility(payload)` for a facility that is watched;
 * `onState(state, asOf)` with "live", "reconnecting" or "paused".
 */
export function createLive(io, { programme, seq, apply, reload, onFacility, onState }) {
  const socket = io({ transports: ["websocket"], reconnectionDelay: 500, reconnectionDelayMax: 8000, timeout: 10000 });
  const sequence = createSequence(seq, {
    apply(change) {
      if (change.event === "map:reload") reload(change.seq);
      else apply(change);
    },
    reload: () => reload(sequence.seq),
    ask: (since) => setTimeout(() => catchUp(since), AGAIN_MS),
  });
  let state = "";
  let asOf = Date.now();
  let heard = Date.now();
  let lostAt = Date.now();
  let watched = null;
  let refused = false;

  function become(next) {
    if (next === state) return;
    state = next;
    onState(state, asOf);
  }

  function fresh() {
    asOf = Date.now();
  }

  async function catchUp(since = sequence.seq) {
    try {
      sequence.answer(await getJson(`/api/v1/${programme}/changes?since=${since}`));
      fresh();
    } catch (problem) {
      sequence.failed();
      if (problem.status === 401) location.reload();
    }
  }

  async function subscribe(why) {
    heard = Date.now();
    try {
      const answer = await socket.timeout(ACK_MS).emitWithAck("subscribe", { programme, since: sequence.seq });
      if (answer.error) throw new Error(answer.message);
      // What a quiet but connected socket did not bring shows that pushes no longer flow, though the record goes on.
      const silent = why === "quiet" && answer.seq > sequence.seq;
      sequence.answer(answer);
      fresh();
      if (silent) become("paused");
      else if (why !== "quiet") become("live");
      if (state === "paused") onState(state, asOf);
    } catch {
      sequence.failed();
      if (socket.connected) socket.disconnect().connect();
    }
  }

  socket.on("connect", () => {
    refused = false;
    if (watched) socket.emit("watch", { programme, facility: watched });
    subscribe("connect");
  });
  socket.on("disconnect", (reason) => {
    lostAt = Date.now();
    become("reconnecting");
    if (reason === "io server disconnect") catchUp().then(() => setTimeout(() => socket.connect(), 1000));
  });
  for (const event of NUMBERED) {
    socket.on(event, ({ seq: number, ...payload }) => {
      heard = Date.now();
      fresh();
      if (socket.connected) become("live");
      sequence.offer({ seq: number, event, payload });
    });
  }
  // Now and then the server says how far it is: this shows that pushes flow, and whether one was missed.
  socket.on("seq", ({ seq: head }) => {
    heard = Date.now();
    fresh();
    if (socket.connected) become("live");
    sequence.notice(head);
  });
  socket.on("facility:update", onFacility);
  // Refused with a reason, the library does not try again by itself. Where no socket is opened at all, it does, and why is
  // not said: a question over HTTP shows whether the session has ended.
  socket.on("connect_error", () => {
    if (!socket.active) catchUp().then(() => setTimeout(() => socket.connect(), PATIENCE_MS));
    else if (!refused) catchUp();
    refused = true;
  });

  const tick = setInterval(() => {
    const now = Date.now();
    if (socket.connected) {
      if (now - heard > QUIET_MS) subscribe("quiet");
      return;
    }
    if (now - lostAt < PATIENCE_MS) return;
    become("paused");
    if (now - heard > SLOW_MS) {
      heard = now;
      catchUp().then(() => onState(state, asOf));
    }
  }, 1000);

  // A laptop that slept, a page from the back-forward cache, a network that came back: ask at once.
  function wake() {
    if (document.hidden) return;
    if (socket.connected) subscribe("wake");
    else socket.connect();
  }
  document.addEventListener("visibilitychange", wake);
  addEventListener("online", wake);
  addEventListener("pageshow", (event) => event.persisted && wake());
  onState((state = "reconnecting"), asOf);

  return {
    get seq() {
      return sequence.seq;
    },
    get state() {
      return state;
    },
    get asOf() {
      return asOf;
    },
    /** Asks to be told when this facility's panel should be read again; null for none. */
    watch(facility) {
      watched = facility;
      if (socket.connected) socket.emit("watch", { programme, facility: facility ?? "" });
    },
    stop() {
      clearInterval(tick);
      socket.close();
    },
  };
}
