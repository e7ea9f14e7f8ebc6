import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached, type Say } from './cache.ts';
import { findProgram } from './find-program.ts';
import type { ServerSettings } from './option-file.ts';
import { runCommand } from './run-command.ts';

/** How to run a program that may need its own loader and libraries. */
export interface ServerProgram {
  readonly command: string;
  /** Go before everything else. */
  readonly arguments: readonly string[];
  /** For its option file. */
  readonly settings: ServerSettings;
}

/** The server, its client tools and the libraries that they load; the servers' other dependencies are not needed. */
const PACKAGES = [
  'mysql-server-core',
  'mysql-client-core',
  'libc6',
  'libgcc-s1',
  'libstdc++6',
  'zlib1g',
  'libzstd1',
  'liblz4-1',
  'liblzma5',
  'libxxhash0',
  'libaio1t64',
  'libnuma1',
  'libssl3t64',
  'libprotobuf-lite32t64',
  'libgoogle-perftools4t64',
  'libunwind8',
  'libedit2',
  'libbsd0',
  'libmd0',
  'libtinfo6',
];
/** The cache's folders that hold an unpacked server. */
export const UNPACKED_PREFIX = 'mysql-server-';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const TRIPLET = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';

export const canUnpackMysql = (): boolean =>
  findProgram(['apt-get']) !== undefined && findProgram(['dpkg']) !== undefined && existsSync(KEYRING);

/**
 * Debian's stable releases carry MariaDB only. The packages come from unstable, through the mirror that this machine
 * uses already, are unpacked beside the system and run with their own loader; nothing is installed.
 */
export async function unpackMysql(say: Say): Promise<string> {
  if (!canUnpackMysql()) {
    throw new Error(
      'MySQL is missing: install MySQL 8.4 or newer and put mysqld on the PATH, or set SITESHIFT_MYSQLD',
    );
  }
  const scratch = mkdtempSync(join(tmpdir(), 'siteshift-apt-'));
  try {
    const apt = await ownApt(scratch);
    return await cached({
      name: `${UNPACKED_PREFIX}${await candidateVersion(apt)}`,
      doing: 'unpacking MySQL from Debian packages',
      typically: 'about 15 seconds, 49 MB',
      say,
      build: async (folder) => {
        await runCommand('apt-get', [...apt, 'download', ...PACKAGES, await icuPackage(apt)], {
          cwd: scratch,
        });
        const debs = readdirSync(scratch).filter((file) => file.endsWith('.deb'));
        for (const deb of debs) await runCommand('dpkg', ['-x', join(scratch, deb), folder]);
        await checkLibraries(programFromUnpacked(folder));
      },
    });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function candidateVersion(apt: readonly string[]): Promise<string> {
  const policy = await runCommand('apt-cache', [...apt, 'policy', 'mysql-server-core']);
  const version = /Candidate: (\d[\w.+-]*)/.exec(policy)?.[1];
  if (version === undefined)
    throw new Error("this machine's Debian mirror offers no mysql-server-core in unstable");
  return version;
}

export function programFromUnpacked(folder: string): ServerProgram {
  const share = join(folder, 'usr/share/mysql');
  return {
    ...toolFromUnpacked(folder, 'usr/sbin/mysqld'),
    settings: {
      basedir: join(folder, 'usr'),
      'lc-messages-dir': share,
      'character-sets-dir': join(share, 'charsets'),
      'plugin-dir': join(folder, 'usr/lib/mysql/plugin'),
    },
  };
}

/** E.g. `usr/bin/mysqlbinlog`: runs it with the loader and the libraries that it was unpacked with. */
export function toolFromUnpacked(folder: string, program: string): Omit<ServerProgram, 'settings'> {
  const loader =
    process.arch === 'arm64' ? 'usr/lib/ld-linux-aarch64.so.1' : 'usr/lib64/ld-linux-x86-64.so.2';
  const libraries = join(folder, 'usr/lib', TRIPLET);
  return { command: join(folder, loader), arguments: ['--library-path', libraries, join(folder, program)] };
}

/** Options for an apt that keeps everything in its own folder, so that the system's apt is not touched. */
async function ownApt(folder: string): Promise<string[]> {
  for (const path of ['lists/partial', 'cache/archives/partial', 'parts'])
    mkdirSync(join(folder, path), { recursive: true });
  const sources = join(folder, 'sources.list');
  writeFileSync(sources, `deb [signed-by=${KEYRING}] ${await debianMirror()} sid main\n`);
  writeFileSync(join(folder, 'status'), '');
  const settings = {
    'Dir::State': folder,
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Etc::SourceList': sources,
    'Dir::Etc::SourceParts': join(folder, 'parts'),
    'Dir::Etc::PreferencesParts': join(folder, 'parts'),
    'Acquire::Languages': 'none',
    'APT::Sandbox::User': 'root',
  };
  const apt = ['-q', ...Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])];
  await runCommand('apt-get', [...apt, 'update']);
  return apt;
}

async function debianMirror(): Promise<string> {
  const uris = await runCommand('apt-get', [
    'indextargets',
    '--format',
    '$(REPO_URI)',
    'Created-By: Packages',
  ]);
  const mirror = uris.split('\n').find((uri) => /\/debian\/?$/.test(uri));
  if (mirror === undefined)
    throw new Error("MySQL is missing, and apt's sources name no Debian mirror to take it from");
  return mirror;
}

/** ICU's package name carries its version, which changes often: take the one that the server names. */
async function icuPackage(apt: readonly string[]): Promise<string> {
  const depends = await runCommand('apt-cache', [...apt, 'depends', 'mysql-server-core']);
  const icu = /libicu\d+/.exec(depends)?.[0];
  if (icu === undefined)
    throw new Error('the package mysql-server-core of Debian unstable names no libicu package');
  return icu;
}

async function checkLibraries(program: ServerProgram): Promise<void> {
  const listed = await runCommand(program.command, ['--list', ...program.arguments]).catch(String);
  const missing = listed.split('\n').filter((line) => line.includes('not found'));
  if (missing.length > 0)
    throw new Error(`Debian's MySQL needs libraries that are not in our list:\n${missing.join('\n')}`);
}
