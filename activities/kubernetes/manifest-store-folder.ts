import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sha256 } from '../../domain/kubernetes/marks.ts';
import type { StoreFiles } from './store-files.ts';

/** A lock this old was left by a process that died: what it guards takes milliseconds. */
const STALE_LOCK_MS = 30_000;

/** A manifest store in a folder: for a shared file system, a mounted volume, or a checkout that is pushed elsewhere. */
export function openFolderFiles(folder: string): StoreFiles {
  const pathOf = (key: string) => join(folder, key);
  return {
    where: folder,
    read: async (key) => {
      const text = await unlessMissing(readFile(pathOf(key), 'utf8'));
      return text === undefined ? undefined : { text, tag: sha256(text) };
    },
    writeOnce: async (key, text) => {
      const file = await writeBeside(pathOf(key), text);
      await rename(file, pathOf(key));
    },
    replace: async (key, text, tag) => {
      const path = pathOf(key);
      const file = await writeBeside(path, text);
      if (tag === undefined) return linkNew(file, path);
      const unlock = await lockFile(`${path}.lock`);
      try {
        const current = await unlessMissing(readFile(path, 'utf8'));
        const isSame = current !== undefined && sha256(current) === tag;
        await (isSame ? rename(file, path) : rm(file));
        return isSame;
      } finally {
        await unlock();
      }
    },
    list: async (prefix) => {
      const entries = await unlessMissing(readdir(pathOf(prefix), { recursive: true, withFileTypes: true }));
      return (entries ?? [])
        .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && !entry.name.endsWith('.lock'))
        .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, '/').length))
        .toSorted();
    },
    remove: (key) => rm(pathOf(key), { force: true }),
  };
}

/** A file with the text, on disk for sure, beside where it shall stand: renaming is then atomic. */
async function writeBeside(path: string, text: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  const file = join(dirname(path), `.${randomUUID()}`);
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return file;
}

async function linkNew(file: string, path: string): Promise<boolean> {
  try {
    await link(file, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(file);
  }
}

async function lockFile(path: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      await (await open(path, 'wx')).close();
      return () => rm(path, { force: true });
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      const held = await unlessMissing(stat(path));
      if (held !== undefined && Date.now() - held.mtimeMs > STALE_LOCK_MS) await rm(path, { force: true });
    }
    await sleep(20);
  }
}

async function unlessMissing<Value>(reading: Promise<Value>): Promise<Value | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';
