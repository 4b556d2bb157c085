// The code that makes what is seen now.
import { column } from "./columns.js";
import { answer, clip, currentRun, edge, hiddenLevels, ids, like, listKind, selection, view, way, where } from "./state.js";

const MOST_NAMED = 200;
const text = (value) => JSON.stringify(value);

/** Ids of clips; of very many, those of a file that the page writes. */
function names(rows) {
  if (rows.length > MOST_NAMED) return "Path(\"clips.txt\").read_text(encoding=\"utf-8\").splitlines()  # written by Export…, Text";
  const shown = Array.from(rows, (row) => text(ids.value[row]));
  const lines = [];
  for (let at = 0; at < shown.length; at += 8) lines.push(`    ${shown.slice(at, at + 8).join(", ")},`);
  return `[\n${lines.join("\n")}\n]`;
}

const paths = (rows) => (rows.length > MOST_NAMED ? "from pathlib import Path\n\n" : "");

/** The filter, and which names of the key are switched off, as one filter. */
function filter() {
  const typed = where.value.trim();
  const one = column.value;
  if (one?.run !== null || one.kind !== "category" || !hiddenLevels.value.size) return typed;
  const name = `"${one.name.replace(/"/g, '""')}"`;
  const isText = one.type === "string";
  const literal = (level) => (isText ? `'${one.levels[level].replace(/'/g, "''")}'` : one.levels[level]);
  const off = [...hiddenLevels.value].filter((level) => level >= 0 && level < one.levels.length).map(literal);
  const unknown = hiddenLevels.value.has(-1) ? `${name} is not null` : "";
  const test = off.length ? `not ${name} in (${off.join(", ")})` : "";
  const seen = unknown ? [unknown, test].filter(Boolean).join(" and ") : `${name} is null or ${test}`;
  return typed ? `(${typed}) and (${seen})` : seen;
}

function moreLike(store, { rows, from, to }, modalities) {
  const ends = from ? [from] : modalities;
  return `${paths(rows)}import numpy as np
from overtone.search import open_store, search_vectors

ids = ${names(rows)}
with open_store(${text(store)}) as store:
    items = store.get(ids)
    rows = sum(items.vectors[name] for name in ${text(ends)})
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    query = dict.fromkeys(${text(ends)}, rows.mean(0, keepdims=True))
    found = search_vectors(store, query, k=50 + len(ids), to_modality=${text(to ? [to] : modalities)})
print([hit.id for hit in found.queries[0].hits if hit.id not in ids][:50])
`;
}

export function pythonCode() {
  const { folder, store, source, modalities, diagnosis } = currentRun.value;
  const run = text(folder ?? "RUN");
  const [first, second] = modalities;
  if (clip.value !== null) {
    const [from, to] = way.value?.split(" → ") ?? [first, second];
    return `import overtone

found = overtone.search_store(
    ${text(store)}, query=${text(clip.value)}, from_modality=${text(from)}, to_modality=${text(to)}, k=12
)
for hit in found.queries[0].hits:
    print(hit.id, hit.score, hit.above_chance)
`;
  }
  if (answer.value?.answers) {
    return `import overtone

found = overtone.search_store(${text(store)}, query=${text(answer.value.title)}, run=${run}, k=50)
for query in found.queries:
    print(query.query, [hit.id for hit in query.hits])
`;
  }
  if (like.value) return moreLike(store, like.value, modalities);
  if (view.value === "lists") {
    return `import overtone

found = overtone.find(${text(listKind.value)}, ${run}, ${text(source)}, modalities=(${text(first)}, ${text(second)}))
print(found)
`;
  }
  if (view.value === "graph") {
    const chosen = edge.value ? `\nprint([one for one in graph.support if [one.source, one.target] == ${text(edge.value.split(" → "))}])` : "";
    return `import overtone

graph = overtone.graph(${run}, clips=24)
for edge in graph.edges:
    print(edge.source, edge.target, edge.presence)${chosen}
`;
  }
  if (view.value === "training") {
    return `from overtone.training import Run

run = Run.load(${run})
print(run.evaluation)
print(run.history[-1])
`;
  }
  if (view.value === "losses") {
    return `from overtone.experiments import Diagnosis

diagnosis = Diagnosis.load(${text(diagnosis ?? "FOLDER")})${diagnosis ? "" : "  # made by overtone diagnose DATA --out FOLDER"}
print(diagnosis.recommendation.sentences)
for name, result in diagnosis.ranked().items():
    print(name, result.measured("map"), result.measured("intra_variance"), result.verdict)
`;
  }
  if (selection.value) {
    return `${paths(selection.value)}from overtone.search import open_store

ids = ${names(selection.value)}
with open_store(${text(store)}) as store:
    items = store.get(ids)  # items.vectors, items.metadata
`;
  }
  const passing = filter();
  return `from overtone.search import open_store

with open_store(${text(store)}) as store:
    for part in store.iterate(${passing ? `where=${text(passing)}` : ""}):
        print(part.ids, part.metadata)
`;
}
