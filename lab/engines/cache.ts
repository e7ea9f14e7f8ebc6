import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { lock } from '../process/file-lock.ts';

export type Say = (line: string) => void;

/** Where built and unpacked engines are kept, shared by all checkouts of this user. */
export function cacheFolder(): string {
  const { SITESHIFT_CACHE, XDG_CACHE_HOME } = process.env;
  if (SITESHIFT_CACHE) return resolve(SITESHIFT_CACHE);
  return join(XDG_CACHE_HOME ? resolve(XDG_CACHE_HOME) : join(homedir(), '.cache'), 'siteshift');
}

/**
 * The folder `<cache>/<name>`, made by `build` when it is missing. `name` carries the version. The build works in a
 * temporary folder that is renamed at the end, under a lock: a folder that exists is complete, whoever made it.
 */
export async function cached(options: {
  readonly name: string;
  /** For people, e.g. "building etcd 3.6.14 from its Go module". */
  readonly doing: string;
  readonly typically: string;
  readonly say: Say;
  readonly build: (folder: string) => Promise<void>;
}): Promise<string> {
  const { name, say } = options;
  const folder = join(cacheFolder(), name);
  if (existsSync(folder)) return folder;
  const held = await lock(join(cacheFolder(), `${name}.lock`), (holder) =>
    say(`waiting for ${holder}, which is ${options.doing}…`),
  );
  try {
    if (existsSync(folder)) return folder;
    const work = `${folder}.building`; // the lock makes it ours: what is there was left by a build that died
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work, { recursive: true });
    try {
      await withProgress(options, () => options.build(work));
    } catch (error) {
      rmSync(work, { recursive: true, force: true });
      throw error;
    }
    renameSync(work, folder);
    return folder;
  } finally {
    held.release();
  }
}

/** Complete folders of the cache whose name starts so, the highest version first. */
export function cachedVersions(prefix: string): string[] {
  if (!existsSync(cacheFolder())) return [];
  return readdirSync(cacheFolder(), { withFileTypes: true })
    .filter(
      (entry) => entry.isDirectory() && entry.name.startsWith(prefix) && !entry.name.endsWith('.building'),
    )
    .map((entry) => entry.name)
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => join(cacheFolder(), name));
}

/** Minutes without a line look like a hang: says at the start what it does, and every 20 s that it still does. */
export async function withProgress<Result>(
  options: { readonly doing: string; readonly typically: string; readonly say: Say },
  work: () => Promise<Result>,
): Promise<Result> {
  const { doing, typically, say } = options;
  const start = Date.now();
  const elapsed = () => {
    const seconds = Math.round((Date.now() - start) / 1000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  };
  say(`${doing}, ${typically}…`);
  const timer = setInterval(() => say(`${doing}, ${typically}, ${elapsed()} so far…`), 20_000);
  try {
    const result = await work();
    say(`${doing}: done in ${elapsed()}`);
    return result;
  } finally {
    clearInterval(timer);
  }
}
