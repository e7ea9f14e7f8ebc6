import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';

export interface FileLock {
  readonly file: string;
  release(): void;
}

/**
 * What this process holds. A database that nobody refers to is closed by the garbage collector, and its lock is lost
 * without a word; who takes a lock for the rest of a process's life need not keep what `tryLock` returned.
 */
const held = new Set<DatabaseSync>();

/**
 * Takes an exclusive lock on a file, or returns undefined when somebody else holds it.
 * SQLite holds a kernel lock on the file: it ends with the process however that dies, so no lock is ever stale.
 * Never open the lock file by other means in this process: closing any descriptor of it would drop the lock.
 */
export function tryLock(file: string): FileLock | undefined {
  mkdirSync(dirname(file), { recursive: true });
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (isBusy(error)) return undefined;
    throw new Error(`cannot lock ${file}`, { cause: error });
  }
  writeFileSync(holderFile(file), `${process.pid}\n`);
  held.add(database);
  return {
    file,
    release: () => {
      held.delete(database);
      database.close();
    },
  };
}

/** Waits until the lock is ours; `waiting` is told once who has it. */
export async function lock(file: string, waiting: (holder: string) => void): Promise<FileLock> {
  let told = false;
  for (;;) {
    const taken = tryLock(file);
    if (taken !== undefined) return taken;
    if (!told) waiting(lockHolder(file));
    told = true;
    await sleep(250);
  }
}

/** Who held the lock last, for messages only: the lock itself is the truth. */
export function lockHolder(file: string): string {
  try {
    return `process ${readFileSync(holderFile(file), 'utf8').trim()}`;
  } catch {
    return 'another process';
  }
}

const holderFile = (file: string) => `${file}.holder`;

const SQLITE_BUSY = 5;
const isBusy = (error: unknown) =>
  error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
