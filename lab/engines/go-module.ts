import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, type Say } from './cache.ts';
import { findProgram } from './find-program.ts';
import { runCommand } from './run-command.ts';

export interface GoProgram {
  readonly name: string;
  readonly version: string;
  /** The command's package path. */
  readonly package: string;
  /** Lines of the go.mod: each engine has its own, they need different versions of the same libraries. */
  readonly goMod: readonly string[];
  readonly typically: string;
}

/** The program from the cache, built from its Go module when it is not there. */
export async function buildGoProgram(program: GoProgram, say: Say): Promise<string> {
  const { name, version } = program;
  const folder = await cached({
    name: `${name}-${version}`,
    doing: `building ${name} ${version} from its Go module`,
    typically: program.typically,
    say,
    build: (work) => build(program, work),
  });
  return join(folder, name);
}

async function build(program: GoProgram, folder: string): Promise<void> {
  const go = findProgram(['go']) ?? findProgram(['/usr/local/go/bin/go']);
  if (go === undefined) {
    throw new Error(`${program.name} is missing and so is Go (1.26 or newer), which would build it`);
  }
  const module = join(folder, 'module');
  mkdirSync(module);
  writeFileSync(join(module, 'go.mod'), [`module lab/${program.name}`, ...program.goMod, ''].join('\n'));
  // A user's workspace or vendoring flags must not leak in. CGO off: the program then runs on any libc.
  const env = { CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-buildvcs=false -mod=mod' };
  await runCommand(go, ['get', '-tool', `${program.package}@v${program.version}`], { cwd: module, env });
  const args = ['build', '-trimpath', '-ldflags', '-s -w', '-o', join(folder, program.name), program.package];
  await runCommand(go, args, { cwd: module, env });
  for (const file of ['go.mod', 'go.sum']) copyFileSync(join(module, file), join(folder, file));
  rmSync(module, { recursive: true });
}
