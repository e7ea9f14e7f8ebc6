import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ApplicationFailure } from '@temporalio/activity';
import { loadInventory, loadRunbook, type Loaded, type NotLoaded } from '../domain/schema/load.ts';
import type { Inventory } from '../domain/schema/inventory.ts';
import type { Runbook } from '../domain/schema/runbook.ts';
import { namedFailure } from './named-failure.ts';

/** Files that describe the deployment. They are read for every run anew, so that an edit needs no restart. */
export interface SourceFiles {
  readonly inventoryFile: string;
  readonly runbooksFolder: string;
}

export async function readInventory({ inventoryFile }: SourceFiles): Promise<Loaded<Inventory>> {
  return valid(loadedInventory(await read(inventoryFile, 'the inventory'), inventoryFile));
}

/** @param name checked by the run request to be a plain name: it cannot leave the folder */
export async function readRunbook({ runbooksFolder }: SourceFiles, name: string): Promise<Loaded<Runbook>> {
  const file = join(runbooksFolder, `${name}.yaml`);
  return valid(loadedRunbook(await read(file, `runbook ${name}`), file));
}

/**
 * Takes a file in, unless it holds what it held last time: parsing and checking a large inventory costs more than all the
 * rest of making a plan, and a run needs it twice before its first step.
 */
function loadedOnce<Value>(load: (bytes: Uint8Array, file: string) => Value): typeof load {
  let last: { readonly file: string; readonly bytes: Buffer; readonly value: Value } | undefined;
  return (bytes, file) => {
    if (last?.file !== file || !last.bytes.equals(bytes))
      last = { file, bytes: Buffer.from(bytes), value: load(bytes, file) };
    return last.value;
  };
}

const loadedInventory = loadedOnce(loadInventory);
const loadedRunbook = loadedOnce(loadRunbook);

async function read(file: string, what: string): Promise<Uint8Array> {
  return readFile(file).catch((error: unknown) => {
    throw invalid([
      `cannot read ${what} at ${file}: ${error instanceof Error ? error.message : String(error)}`,
    ]);
  });
}

function valid<Value>(loaded: Loaded<Value> | NotLoaded): Loaded<Value> {
  if (loaded.ok) return loaded;
  throw invalid(loaded.problems.map((problem) => problem.message));
}

const invalid = (problems: readonly string[]): ApplicationFailure =>
  namedFailure('InvalidInventory', problems.join('\n'));
