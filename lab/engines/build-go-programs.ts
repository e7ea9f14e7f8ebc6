import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, type Say } from './cache.ts';
import { findProgram } from './find-program.ts';
import { runCommand } from './run-command.ts';

/** Programs that are built together because they share most of what they are made of. */
export interface GoBuild {
  /** The cache folder's name without the version. */
  readonly name: string;
  readonly version: string;
  /** Program name → package path; `.` is the source given below. */
  readonly programs: Readonly<Record<string, string>>;
  /** Lines of the go.mod below its module line. */
  readonly goMod: (go: GoCommand) => Promise<readonly string[]> | readonly string[];
  readonly mainSource?: string;
  /** Variables to stamp, `import/path.name` → value. */
  readonly stamps?: Readonly<Record<string, string>>;
  readonly typically: string;
}

export type GoCommand = (args: readonly string[]) => Promise<string>;

/**
 * The folder with the programs: from the cache, or built into it. One go.mod per build: they disagree on versions. An
 * unpacked archive, and what earlier versions of the lab built alone, lies there without a `bin`.
 */
export async function buildGoPrograms(build: GoBuild, say: Say): Promise<string> {
  const { name, version, typically } = build;
  const folder = await cached({
    name: `${name}-${version}`,
    doing: `building ${name} ${version} from Go modules`,
    typically,
    say,
    build: (work) => buildInto(build, work),
  });
  const bin = join(folder, 'bin');
  return existsSync(bin) ? bin : folder;
}

/** On the PATH, or where its own installer puts it. */
export const goPrograms = ['go', '/usr/local/go/bin/go'];

/** Runs Go in a folder. The user's own workspace and flags must not leak in; without cgo it runs on any libc. */
export function goIn(folder: string, wanted: string): GoCommand {
  const go = findProgram(goPrograms);
  if (go === undefined) {
    throw new Error(`${wanted} is missing, and so is Go (1.26 or newer), which would fetch and build it`);
  }
  const env = { CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-buildvcs=false -mod=mod' };
  return (args) => runCommand(go, args, { cwd: folder, env });
}

async function buildInto(build: GoBuild, folder: string): Promise<void> {
  const module = join(folder, 'module');
  const bin = join(folder, 'bin');
  mkdirSync(module);
  mkdirSync(bin);
  const go = goIn(module, build.name);
  const lines = [`module lab/${build.name}`, ...(await build.goMod(go)), ''];
  writeFileSync(join(module, 'go.mod'), lines.join('\n'));
  if (build.mainSource !== undefined) writeFileSync(join(module, 'main.go'), build.mainSource);

  const packages = Object.values(build.programs).filter((path) => path !== '.');
  // Recording them as tools first settles one list of versions for all of them.
  if (packages.length > 0) await go(['get', '-tool', ...packages.map((path) => `${path}@v${build.version}`)]);
  const stamps = Object.entries(build.stamps ?? {}).map(([name, value]) => `-X ${name}=${value}`);
  const paths = packages.length > 1 ? packages : Object.values(build.programs);
  const output = packages.length > 1 ? `${bin}/` : join(bin, Object.keys(build.programs)[0] ?? build.name);
  await go(['build', '-trimpath', '-ldflags', ['-s -w', ...stamps].join(' '), '-o', output, ...paths]);

  for (const file of ['go.mod', 'go.sum']) copyFileSync(join(module, file), join(folder, file));
  rmSync(module, { recursive: true });
}
