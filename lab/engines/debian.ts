import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lock } from '../process/file-lock.ts';
import { cacheFolder, withProgress, type Say } from './cache.ts';
import { findProgram } from './find-program.ts';
import { runCommand } from './run-command.ts';

const POLICY = '/usr/sbin/policy-rc.d';

/** A program that Debian has as a package. */
export interface DebianProgram {
  readonly program: readonly string[];
  /** Names it where it lies elsewhere. */
  readonly variable: string;
  readonly packages: readonly string[];
}

/**
 * The program; when it is missing, its Debian packages are installed first. Only root on a Debian-like system can do
 * that: everyone else gets one line that says what to install.
 */
export async function findOrInstall(options: DebianProgram & { readonly say: Say }): Promise<string> {
  const found = findProgram(options.program, options.variable);
  if (found !== undefined) return found;
  const packages = options.packages.join(' ');
  const name = options.program[0] ?? packages;
  if (!canInstallPackages()) {
    throw new Error(
      `${name} is missing: install it (Debian, Ubuntu: apt-get install ${packages}) or set ${options.variable}`,
    );
  }
  await installPackages(options.packages, options.say);
  const installed = findProgram(options.program);
  if (installed === undefined)
    throw new Error(`apt-get installed ${packages}, yet there is no ${name} on the PATH`);
  return installed;
}

export const canInstallPackages = (): boolean =>
  process.getuid?.() === 0 && findProgram(['apt-get']) !== undefined;

async function installPackages(packages: readonly string[], say: Say): Promise<void> {
  const held = await lock(join(cacheFolder(), 'apt.lock'), (holder) =>
    say(`waiting for apt-get of ${holder}…`),
  );
  try {
    await withoutServiceStart(() =>
      withProgress(
        { doing: `installing ${packages.join(' ')} with apt-get`, typically: 'about a minute', say },
        () =>
          // The package lists are often old or absent in containers: refresh them only when it fails without.
          aptInstall(packages).catch(async () => {
            await runCommand('apt-get', ['-q', 'update']);
            await aptInstall(packages);
          }),
      ),
    );
  } finally {
    held.release();
  }
}

const aptInstall = (packages: readonly string[]) =>
  runCommand(
    'apt-get',
    ['-qy', '-o', 'DPkg::Lock::Timeout=300', 'install', '--no-install-recommends', ...packages],
    {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    },
  );

/** Server packages start their service on installation; the lab wants the program only. */
async function withoutServiceStart(work: () => Promise<unknown>): Promise<void> {
  const isOurs = !existsSync(POLICY);
  if (isOurs) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await work();
  } finally {
    if (isOurs) rmSync(POLICY, { force: true });
  }
}
