// What goes over the wire: calls, event streams, and when to try again.

const API = `${HOST}/api/v1`;
const SILENCE_MS = 40000; // the server gives a sign of life every 15 s
const CALL_MS = 20000;
const RETRY_MS = [500, 1000, 2000, 4000, 8000, 15000, 30000];

// Raises {code, message, retry_after}; code "connection" when the server cannot be reached.
async function call(method, path, body, control = new AbortController(), wait = CALL_MS) {
  const late = setTimeout(() => control.abort(), wait);
  try {
    const headers = { "Content-Type": "application/json" };
    if (memory.token) headers.Authorization = `Bearer ${memory.token}`;
    const response = await fetch(API + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: control.signal,
      credentials: "omit",
      cache: "no-store",
    });
    if (response.ok) return response;
    throw await problemOf(response);
  } catch (error) {
    throw error.code && error.status ? error : { code: "connection" };
  } finally {
    clearTimeout(late);
  }
}

async function problemOf(response) {
  const told = await response.json().catch(() => ({}));
  const retry = Number(response.headers.get("Retry-After"));
  return { code: "internal", ...told.error, status: response.status, retry_after: retry || null };
}

// The server-sent events of a response; ends with the connection, and breaks it when nothing is heard for too long.
async function* eventsOf(response, control) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let silence;
  try {
    for (;;) {
      clearTimeout(silence);
      silence = setTimeout(() => control.abort(), SILENCE_MS);
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (text + value).split("\n\n");
      text = parts.pop();
      for (const part of parts) {
        const found = {};
        for (const line of part.split("\n")) {
          const at = line.indexOf(": ");
          if (at > 0) found[line.slice(0, at)] = line.slice(at + 2);
        }
        if (found.event) yield { name: found.event, data: JSON.parse(found.data) };
      }
    }
  } catch {
    throw { code: "connection" };
  } finally {
    clearTimeout(silence);
    reader.cancel().catch(() => {});
  }
}

const pauses = new Set(); // each ends a pause before its time

// Waits longer after each failure, by some chance, so that not all pages come back at once; ends when the network is back.
function pause(failures, seconds = null) {
  const usual = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] * (0.75 + Math.random() / 2);
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      pauses.delete(done);
      resolve();
    };
    const timer = setTimeout(done, seconds ? seconds * 1000 : usual);
    pauses.add(done);
  });
}

function tryNow() {
  for (const done of [...pauses]) done();
}

function explain(problem) {
  switch (problem?.code) {
    case "rate_limited":
      return say("problem_rate", { number: problem.retry_after ?? 10 });
    case "overloaded":
      return say("problem_busy");
    case "unavailable":
      return say("problem_unavailable");
    case "conflict":
      return say("problem_closed");
    case "invalid":
    case "too_large":
      return say("problem_too_long", { number: CONFIG.longest });
    case "forbidden":
    case "unauthorized":
      return say("problem_forbidden");
    case "connection":
      return say("problem_connection");
    default:
      return problem?.message ?? say("problem_unavailable");
  }
}
