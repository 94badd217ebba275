// How does the browser ask the server? Same origin, with the session's cookie; errors carry the server's own sentence.

/** What went wrong with a request: `status` 0 means that there was no answer. */
export class RequestError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The JSON at an address. */
export async function getJson(address, { signal } = {}) {
  const response = await ask(address, { signal, headers: { Accept: "application/json" } });
  return response.json();
}

/** The octets at an address with the number of the push that they include: `after`, or a later one. */
export async function getBytes(address, { after, fresh = false } = {}) {
  const headers = after === undefined ? {} : { "VaxTrace-After": String(after) };
  const response = await ask(address, { headers, cache: fresh ? "reload" : "default" });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { bytes, seq: Number(response.headers.get("VaxTrace-Seq") ?? 0) };
}

async function ask(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new RequestError(0, "The server does not answer.");
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new RequestError(response.status, body.message ?? `The server answered ${response.status}.`);
}
