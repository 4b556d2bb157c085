// The code that makes what is seen now.
import { answer, clip, currentRun, edge, ids, listKind, selection, view, where } from "./state.js";

const MOST_NAMED = 200;
const text = (value) => JSON.stringify(value);

function names(rows) {
  const shown = rows.slice(0, MOST_NAMED).map((row) => text(ids.value[row]));
  const more = rows.length > MOST_NAMED ? `  # and ${rows.length - MOST_NAMED} more: export them to a file\n` : "";
  const lines = [];
  for (let at = 0; at < shown.length; at += 8) lines.push(`    ${shown.slice(at, at + 8).join(", ")},`);
  return `[\n${lines.join("\n")}\n${more}]`;
}

export function pythonCode() {
  const { folder, store, source, modalities } = currentRun.value;
  const run = text(folder ?? "RUN");
  const [first, second] = modalities;
  if (clip.value !== null) {
    return `import overtone

found = overtone.search_store(
    ${text(store)}, query=${text(clip.value)}, from_modality=${text(first)}, to_modality=${text(second)}, k=12
)
for hit in found.queries[0].hits:
    print(hit.id, hit.score, hit.above_chance)
`;
  }
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
  if (selection.value) {
    const query = answer.value ? `
    found = search_vectors(store, {name: rows.mean(0, keepdims=True) for name, rows in items.vectors.items()}, k=50)` : "";
    return `from overtone.search import open_store${answer.value ? ", search_vectors" : ""}

ids = ${names(selection.value)}
with open_store(${text(store)}) as store:
    items = store.get(ids)  # items.vectors, items.metadata${query}
`;
  }
  const filter = where.value.trim();
  return `from overtone.search import open_store

with open_store(${text(store)}) as store:
    for part in store.iterate(${filter ? `where=${text(filter)}` : ""}):
        print(part.ids, part.metadata)
`;
}
