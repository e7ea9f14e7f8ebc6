import { createWriteStream, chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { cached, type Say } from './cache.ts';
import { runCommand } from './run-command.ts';

const OFFICIAL = 'https://temporal.download/cli/archive';
const ANSWER_WITHIN_MS = 4_000;
const DONE_WITHIN_MS = 120_000;

/**
 * Puts the official program into the cache. Returns without it, after a few seconds at most, where the site cannot be
 * reached: many networks allow package registries only, and building from the module is the way there.
 */
export async function downloadTemporal(version: string, say: Say, site = OFFICIAL): Promise<boolean> {
  const platform = process.platform === 'darwin' ? 'darwin' : 'linux';
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const url = `${site}/v${version}?platform=${platform}&arch=${architecture}`;
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), ANSWER_WITHIN_MS);
  try {
    const response = await fetch(url, { signal: controller.signal });
    clearTimeout(timer);
    if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
    const { body } = response;
    await cached({
      name: `temporal-${version}`,
      doing: `downloading temporal ${version}`,
      typically: '60 MB',
      say,
      build: (folder) => unpack(Readable.fromWeb(body), folder, version),
    });
    return true;
  } catch {
    say(`the official download of temporal ${version} cannot be had from here`);
    return false;
  } finally {
    clearTimeout(timer);
    controller.abort();
  }
}

async function unpack(archive: Readable, folder: string, version: string): Promise<void> {
  const file = join(folder, 'temporal.tar.gz');
  await pipeline(archive, createWriteStream(file), { signal: AbortSignal.timeout(DONE_WITHIN_MS) });
  await runCommand('tar', ['-xzf', file, '-C', folder]);
  rmSync(file);
  const program = join(folder, 'temporal');
  chmodSync(program, 0o755);
  const printed = await runCommand(program, ['--version'], { timeoutMs: 10_000 });
  if (!printed.includes(version))
    throw new Error(`expected temporal ${version}, the download is ${printed.trim()}`);
}
