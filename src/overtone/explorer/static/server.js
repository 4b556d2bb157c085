// Questions to the server; answers are kept as long as the page is open.

export class Refused extends Error {}

const kept = new Map();

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Refused("The server does not answer. Is overtone explore still running?");
  }
  if (answer.ok) return answer;
  const text = await answer.text();
  try {
    throw new Refused(JSON.parse(text).error);
  } catch (error) {
    throw error instanceof Refused ? error : new Refused(text || `The server answered ${answer.status}.`);
  }
}

function address(path, asked = {}) {
  const given = Object.entries(asked).filter(([, value]) => value !== null && value !== undefined);
  const query = new URLSearchParams(given).toString();
  return query ? `${path}?${query}` : path;
}

function once(key, load) {
  if (!kept.has(key)) {
    kept.set(key, load().catch((error) => {
      kept.delete(key);
      throw error;
    }));
  }
  return kept.get(key);
}

/** JSON that never changes while the server runs. */
export function read(path, asked) {
  const place = address(path, asked);
  return once(place, async () => (await ask(place)).json());
}

/** JSON that may change, such as how far a search is. */
export async function readNow(path, asked) {
  return (await ask(address(path, asked))).json();
}

/** Numbers as they are in memory: kind is Float32Array or Int32Array. */
export function readNumbers(path, asked, kind) {
  const place = address(path, asked);
  return once(place, async () => new kind(await (await ask(place)).arrayBuffer()));
}

const send = (path, body) =>
  ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

export async function post(path, body) {
  return (await send(path, body)).json();
}

/** Sends a file as a query. */
export async function sendFile(path, asked, file) {
  const answer = await ask(address(path, { ...asked, name: file.name }), { method: "POST", body: file });
  return answer.json();
}

/** Saves what the server answers as a file. */
export async function save(path, body, name) {
  const blob = await (await send(path, body)).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Asks until a job is done; calls step with every report. */
export async function follow(first, again, step) {
  let report = await first();
  while (report.state === "running") {
    step(report);
    await new Promise((resolve) => setTimeout(resolve, 400));
    report = await again();
  }
  step(report);
  return report;
}

/** Waits until the clips are laid out; calls step with how far that is. */
export async function layOut(asked, step) {
  const ask = () => post("/api/layout", asked);
  const { error } = await follow(ask, ask, step);
  if (error) throw new Refused(error);
}

export const mediaAddress = (id, modality) => address("/api/media", { id, modality });
