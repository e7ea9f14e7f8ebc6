import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, type Say } from '../engines/cache.ts';

const ANSWER_WITHIN_MS = 4_000;
const FILE_WITHIN_MS = 180_000;

export interface OfficialRelease {
  /** The cache folder, the same that a build would make. */
  readonly name: string;
  readonly version: string;
  /** Program name → address of the executable. `<address>.sha256` must hold its checksum. */
  readonly programs: Readonly<Record<string, string>>;
}

/**
 * Puts official programs into the cache. Returns false within a few seconds where the site cannot be reached: many
 * networks allow package registries only. A program whose checksum differs is an error, never a reason to go on.
 */
export async function downloadPrograms(release: OfficialRelease, say: Say): Promise<boolean> {
  const sums = await checksums(release).catch(() => undefined);
  if (sums === undefined) {
    say(`the official download of ${release.name} ${release.version} cannot be had from here`);
    return false;
  }
  await cached({
    name: `${release.name}-${release.version}`,
    doing: `downloading ${release.name} ${release.version}`,
    typically: 'about a minute',
    say,
    build: async (folder) => {
      mkdirSync(join(folder, 'bin'));
      for (const [program, url] of Object.entries(release.programs)) {
        await download({ url, sum: sums[program] ?? '', file: join(folder, 'bin', program) });
      }
    },
  });
  return true;
}

/** Small files first: they tell at once whether the site answers. */
async function checksums(release: OfficialRelease): Promise<Record<string, string>> {
  const entries = Object.entries(release.programs).map(async ([program, url]) => {
    const response = await fetch(`${url}.sha256`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    const sum = /^[0-9a-f]{64}\b/.exec((await response.text()).trim())?.[0];
    if (!response.ok || sum === undefined) throw new Error(`${url}.sha256: status ${response.status}`);
    return [program, sum] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

async function download(options: { url: string; sum: string; file: string }): Promise<void> {
  const response = await fetch(options.url, { signal: AbortSignal.timeout(FILE_WITHIN_MS) });
  if (!response.ok) throw new Error(`${options.url}: expected status 200, seen ${response.status}`);
  const bytes = Buffer.from(await response.arrayBuffer());
  const seen = createHash('sha256').update(bytes).digest('hex');
  if (seen !== options.sum) {
    throw new Error(`${options.url}: expected SHA-256 ${options.sum}, the download has ${seen}`);
  }
  writeFileSync(options.file, bytes);
  chmodSync(options.file, 0o755);
}
