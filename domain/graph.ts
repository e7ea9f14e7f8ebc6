export interface GraphNode {
  readonly id: string;
  readonly needs: readonly string[];
}

/** Every node that must be finished before `id` starts. Terminates on cycles, too. */
export function ancestorsOf(nodes: readonly GraphNode[], id: string): ReadonlySet<string> {
  const needs = new Map(nodes.map((node) => [node.id, node.needs]));
  const found = new Set<string>();
  const open = [...(needs.get(id) ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...(needs.get(next) ?? []));
  }
  return found;
}

/** One cycle as a list of ids whose last one needs the first; undefined when there is none. */
export function findCycle(nodes: readonly GraphNode[]): readonly string[] | undefined {
  const needs = new Map(nodes.map((node) => [node.id, node.needs]));
  const finished = new Set<string>();
  for (const { id } of nodes) {
    const trail: { id: string; open: string[] }[] = [{ id, open: [...(needs.get(id) ?? [])] }];
    while (!finished.has(id)) {
      const top = trail.at(-1);
      if (top === undefined) break;
      const next = top.open.shift();
      if (next === undefined) {
        finished.add(top.id);
        trail.pop();
      } else if (!finished.has(next) && needs.has(next)) {
        const start = trail.findIndex((entry) => entry.id === next);
        if (start >= 0) return trail.slice(start).map((entry) => entry.id);
        trail.push({ id: next, open: [...(needs.get(next) ?? [])] });
      }
    }
  }
  return undefined;
}
