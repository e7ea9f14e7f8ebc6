import { goPrograms } from './build-go-programs.ts';
import { cachedVersions } from './cache.ts';
import { chromiumPrograms } from './chromium.ts';
import { canInstallPackages, type DebianProgram } from './debian.ts';
import { ETCD_VARIABLE } from './etcd.ts';
import { findProgram } from './find-program.ts';
import { haproxyPrograms } from './haproxy.ts';
import { mariadbPrograms } from './mariadb.ts';
import { canUnpackMysql, UNPACKED_PREFIX } from './mysql-packages.ts';
import { NACOS_FOLDER_VARIABLE, javaPrograms } from './nacos.ts';
import { mavenPrograms, nacosFolderName } from './nacos-jars.ts';

/** What is asked of this machine. Tests give their own answers. */
export interface Machine {
  /** The program by one of its names or its variable. */
  readonly has: (names: readonly string[], variable?: string) => boolean;
  readonly isSet: (variable: string) => boolean;
  readonly isCached: (prefix: string) => boolean;
  /** Root on a Debian-like system: everything that is a package is then installed. */
  readonly canInstall: boolean;
  readonly canUnpackMysql: boolean;
}

const thisMachine = (): Machine => ({
  has: (names, variable) => findProgram(names, variable) !== undefined,
  isSet: (variable) => Boolean(process.env[variable]),
  isCached: (prefix) => cachedVersions(prefix).length > 0,
  canInstall: canInstallPackages(),
  canUnpackMysql: canUnpackMysql(),
});

export interface Wanted {
  readonly nacos: boolean;
  /** For the tests: a browser, and Go for the schema of Compose. */
  readonly tests: boolean;
}

/** What the lab can neither find nor bring itself, each with the remedy. */
export function missingPrerequisites({ nacos, tests }: Wanted, machine: Machine): readonly string[] {
  const { has, isSet, isCached } = machine;
  const buildsNacos = nacos && !isSet(NACOS_FOLDER_VARIABLE) && !isCached(nacosFolderName());
  const packaged: readonly DebianProgram[] = [
    haproxyPrograms,
    mariadbPrograms,
    ...(nacos ? [javaPrograms] : []),
    ...(buildsNacos ? [mavenPrograms] : []),
    ...(tests ? [chromiumPrograms] : []),
  ];
  const missing = packaged
    .filter(({ program, variable }) => !machine.canInstall && !has(program, variable))
    .map(
      ({ program, variable, packages }) =>
        `${program[0]}: apt-get install ${packages.join(' ')} as root (other systems: its package), or set ${variable}`,
    );
  if (!has(['mysqld'], 'SITESHIFT_MYSQLD') && !isCached(UNPACKED_PREFIX) && !machine.canUnpackMysql)
    missing.push('mysqld: install MySQL 8.4 or newer, or set SITESHIFT_MYSQLD');
  const buildsEtcd = !has(['etcd'], ETCD_VARIABLE) && !isCached('etcd-');
  if (!has(goPrograms) && (buildsEtcd || tests)) {
    const without = tests ? '' : `, or set ${ETCD_VARIABLE} to an etcd`;
    missing.push(
      `Go 1.26 or newer, which builds etcd${tests ? ' and fetches the Compose schema' : ''}: install it from https://go.dev/dl${without}`,
    );
  }
  return missing;
}

/** @throws Error with everything that is missing at once, before anything is built or started */
export function checkPrerequisites(wanted: Wanted): void {
  const missing = missingPrerequisites(wanted, thisMachine());
  if (missing.length > 0)
    throw new Error(
      `this machine lacks what cannot be brought along:\n${missing.map((one) => `  - ${one}`).join('\n')}`,
    );
}
