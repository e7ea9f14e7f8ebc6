import { goPrograms } from './build-go-programs.ts';
import { chromiumPrograms } from './chromium.ts';
import type { DebianProgram } from './debian.ts';
import { ETCD_VARIABLE } from './etcd.ts';
import { haproxyPrograms } from './haproxy.ts';
import { thisMachine, type GoWork, type Machine } from './machine.ts';
import { mariadbPrograms } from './mariadb.ts';
import { UNPACKED_PREFIX } from './mysql-packages.ts';
import { NACOS_FOLDER_VARIABLE, javaPrograms } from './nacos.ts';
import { mavenPrograms, nacosFolderName } from './nacos-jars.ts';
import { clusterPackages, goWorkOfClusters } from '../kubernetes/prerequisites.ts';

export interface Wanted {
  readonly nacos: boolean;
  readonly kubernetes: boolean;
  /** For the tests: a browser, and Go for the schema of Compose. */
  readonly tests: boolean;
}

/** What the lab can neither find nor bring itself, each with the remedy. */
export function missingPrerequisites(
  { nacos, kubernetes, tests }: Wanted,
  machine: Machine,
): readonly string[] {
  const { has, isSet, isCached } = machine;
  const buildsNacos = nacos && !isSet(NACOS_FOLDER_VARIABLE) && !isCached(nacosFolderName());
  const packaged: readonly DebianProgram[] = [
    haproxyPrograms,
    mariadbPrograms,
    ...(nacos ? [javaPrograms] : []),
    ...(buildsNacos ? [mavenPrograms] : []),
    ...(kubernetes ? clusterPackages : []),
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
  const work: readonly GoWork[] = [
    ...(has(['etcd'], ETCD_VARIABLE) || isCached('etcd-')
      ? []
      : [{ builds: 'etcd', variables: [ETCD_VARIABLE] }]),
    ...(kubernetes ? goWorkOfClusters(machine) : []),
    ...(tests ? [{ fetches: 'the Compose schema' }] : []),
  ];
  return has(goPrograms) || work.length === 0 ? missing : [...missing, goIsMissing(work)];
}

function goIsMissing(work: readonly GoWork[]): string {
  const built = work.flatMap((one) => ('builds' in one ? [one.builds] : []));
  const fetched = work.flatMap((one) => ('fetches' in one ? [one.fetches] : []));
  const does = [
    ...(built.length > 0 ? [`builds ${built.join(', ')}`] : []),
    ...(fetched.length > 0 ? [`fetches ${fetched.join(', ')}`] : []),
  ];
  const variables = work.flatMap((one) => ('builds' in one ? one.variables : []));
  const without = fetched.length > 0 ? '' : `, or set ${variables.join(', ')} to your own`;
  return `Go 1.26 or newer, which ${does.join(' and ')}: install it from https://go.dev/dl${without}`;
}

/** @throws Error with everything that is missing at once, before anything is built or started */
export function checkPrerequisites(wanted: Wanted): void {
  const missing = missingPrerequisites(wanted, thisMachine());
  if (missing.length > 0)
    throw new Error(
      `this machine lacks what cannot be brought along:\n${missing.map((one) => `  - ${one}`).join('\n')}`,
    );
}
