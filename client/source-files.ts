import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { checkReferences } from '../domain/schema/check-references.ts';
import { loadInventory, loadRunbook } from '../domain/schema/load.ts';
import type { Loaded, NotLoaded } from '../domain/schema/load.ts';
import type { Inventory } from '../domain/schema/inventory.ts';
import { problemAt } from '../domain/schema/problem.ts';
import type { Problem } from '../domain/schema/problem.ts';
import type { Runbook } from '../domain/schema/runbook.ts';

export interface Sources {
  readonly inventory: Loaded<Inventory> | undefined;
  readonly runbooks: readonly Loaded<Runbook>[];
  /** Of all files, in the order of the files. */
  readonly problems: readonly Problem[];
}

/** Reads the inventory and every runbook; what cannot be read is a problem like any other. */
export async function readSources(inventoryFile: string, runbooksFolder: string): Promise<Sources> {
  const inventory = await readInventory(inventoryFile);
  const files = await readdir(runbooksFolder).catch(() => undefined);
  const loaded = await Promise.all(
    (files ?? [])
      .filter((file) => file.endsWith('.yaml'))
      .sort()
      .map((file) => readRunbook(join(runbooksFolder, file), file)),
  );
  const noFolder =
    files === undefined ? [problemAt(shown(runbooksFolder), start, [], 'a readable folder', 'none')] : [];
  const fitting = loaded.map((result) =>
    result.ok && inventory.ok ? withKnownNames(result, inventory.value) : result,
  );
  return {
    inventory: inventory.ok ? inventory : undefined,
    runbooks: fitting.filter((result): result is Loaded<Runbook> => result.ok),
    problems: [
      ...(inventory.ok ? [] : inventory.problems),
      ...noFolder,
      ...fitting.flatMap((result) => (result.ok ? [] : result.problems)),
    ],
  };
}

function withKnownNames(runbook: Loaded<Runbook>, inventory: Inventory): Loaded<Runbook> | NotLoaded {
  const problems = checkReferences(runbook, inventory);
  return problems.length === 0 ? runbook : { ok: false, problems };
}

const start = { line: 1, column: 1 };

/** Paths as the person who stands in this folder would write them. */
const shown = (path: string): string => {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
};

async function readInventory(path: string): Promise<Loaded<Inventory> | NotLoaded> {
  const bytes = await readFile(path).catch(() => undefined);
  return bytes === undefined ? unreadable(path) : loadInventory(bytes, shown(path));
}

/** A runbook is started by its name and found by its file: the two must agree. */
async function readRunbook(path: string, file: string): Promise<Loaded<Runbook> | NotLoaded> {
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes === undefined) return unreadable(path);
  const loaded = loadRunbook(bytes, shown(path));
  if (!loaded.ok || `${loaded.value.name}.yaml` === file) return loaded;
  const expected = `"${file.slice(0, -'.yaml'.length)}", as the file is called`;
  const position = loaded.locate(['name']);
  return {
    ok: false,
    problems: [problemAt(loaded.file, position, ['name'], expected, `"${loaded.value.name}"`)],
  };
}

const unreadable = (path: string): NotLoaded => ({
  ok: false,
  problems: [problemAt(shown(path), start, [], 'a readable file', 'none')],
});
