import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { databaseNames, gatewayNames, nodesOf } from './sites/layout.ts';
import { WrongArguments } from './tell-errors.ts';

/** In the lab's folder: processes, logs and the lock, which the supervisor makes before anything else. */
export const stateFolderOf = (folder: string): string => join(folder, 'state');

/** Everything that a lab or a demo makes in its folder. What is missing here a fresh start refuses to remove. */
const made: readonly string[] = [
  ...databaseNames.flatMap(nodesOf).flatMap(({ name }) => [name, `${name}.cnf`, `${name}.copying`]),
  ...gatewayNames,
  'etcd',
  'nacos',
  'kubernetes',
  'apps',
  'secrets',
  'siteshift.yaml',
  'workflows.js',
  'faults.sock',
  'report.md',
  'report.html',
  'report.json',
];
const madePattern = /^writer-\d+\.jsonl(\.config\.json)?$|^temporal\.db/;

const isMade = (name: string): boolean => made.includes(name) || madePattern.test(name);

/** HAProxy's limit for a unix socket's path, bytes: the system's 107, less what it appends while it binds. */
const longestSocket = 97;
const longestFolder = longestSocket - Math.max(...gatewayNames.map((name) => `/${name}/master.sock`.length));

/** @throws WrongArguments when the sockets in it could not be bound */
export function refuseLongFolder(folder: string): void {
  const length = Buffer.byteLength(folder);
  if (length <= longestFolder) return;
  throw new WrongArguments(
    `${folder}: expected a folder with a path of at most ${longestFolder} bytes (unix sockets of the gateways are in it), saw ${length}; give a shorter one with --folder; nothing was started`,
  );
}

/** @throws Error when the folder holds something and is no lab's: it would be written over */
export function refuseStrangeFolder(folder: string): void {
  if (!existsSync(folder) || existsSync(join(stateFolderOf(folder), 'lab.lock'))) return;
  const held = readdirSync(folder);
  if (held.length === 0) return;
  throw new Error(
    `${folder}: expected an empty folder or one that a lab has used, saw ${listed(held)} and no trace of a lab; nothing was touched`,
  );
}

/**
 * Removes what an earlier lab left, but not the state folder: the caller holds its lock and has ended the leftovers.
 * @throws Error before anything is removed, when there is something that no lab makes
 */
export function removeEarlierLab(folder: string): void {
  const held = readdirSync(folder).filter((name) => join(folder, name) !== stateFolderOf(folder));
  const strange = held.filter((name) => !isMade(name));
  if (strange.length > 0) {
    throw new Error(
      `${folder} is to be emptied for a fresh lab: expected only what a lab makes, saw ${listed(strange)} too; nothing was removed`,
    );
  }
  for (const name of held) rmSync(join(folder, name), { recursive: true, force: true });
  const logs = join(stateFolderOf(folder), 'logs');
  for (const name of readdirSync(logs)) rmSync(join(logs, name), { force: true });
}

function listed(names: readonly string[]): string {
  const [shown, more] = [names.slice(0, 5).join(', '), names.length - 5];
  return more > 0 ? `${shown} and ${more} more` : shown;
}
