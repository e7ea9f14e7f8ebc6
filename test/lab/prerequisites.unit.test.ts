import { expect, test } from 'vitest';
import type { Machine } from '../../lab/engines/machine.ts';
import { missingPrerequisites } from '../../lab/engines/prerequisites.ts';

const bare: Machine = {
  has: () => false,
  isSet: () => false,
  isCached: () => false,
  canInstall: false,
  canUnpackMysql: false,
};
const programs =
  (...there: readonly string[]): Machine['has'] =>
  (names) =>
    names.some((name) => there.includes(name));
const firstWords = (wanted: Parameters<typeof missingPrerequisites>[0], machine: Machine) =>
  missingPrerequisites(wanted, machine).map((line) => line.split(/[: ]/, 1)[0]);

test('a bare machine hears of everything at once, each with its remedy', () => {
  expect(missingPrerequisites({ nacos: true, kubernetes: false, tests: true }, bare)).toEqual([
    'haproxy: apt-get install haproxy as root (other systems: its package), or set SITESHIFT_HAPROXY',
    'mariadbd: apt-get install mariadb-server as root (other systems: its package), or set SITESHIFT_MARIADBD',
    'java: apt-get install default-jdk-headless as root (other systems: its package), or set SITESHIFT_JAVA',
    'mvn: apt-get install maven default-jdk-headless as root (other systems: its package), or set SITESHIFT_MAVEN',
    'chromium: apt-get install chromium as root (other systems: its package), or set SITESHIFT_CHROMIUM',
    'mysqld: install MySQL 8.4 or newer, or set SITESHIFT_MYSQLD',
    'Go 1.26 or newer, which builds etcd and fetches the Compose schema: install it from https://go.dev/dl',
  ]);
});

test('with clusters, also of what these need', () => {
  const wanted = { nacos: false, kubernetes: true, tests: false };
  expect(missingPrerequisites(wanted, { ...bare, has: programs('haproxy', 'mariadbd', 'mysqld') })).toEqual([
    'openssl: apt-get install openssl as root (other systems: its package), or set SITESHIFT_OPENSSL',
    "Go 1.26 or newer, which builds etcd, kubernetes 1.36.3, kwok 0.8.0, velero 1.18.3, velero-plugin-for-aws 1.14.3, versitygw 1.7.0 and fetches the definitions of Knative and Istio, KWOK's stages: install it from https://go.dev/dl",
  ]);
});

test('what Go would only build may be named instead', () => {
  const wanted = { nacos: false, kubernetes: true, tests: false };
  const cached = [
    'unpacked',
    'kubernetes-definitions-',
    'kwok-stages-',
    'kwok-0',
    'velero-plugin',
    'versity',
  ];
  const machine = {
    ...bare,
    canUnpackMysql: true,
    canInstall: true,
    // The usual programs of the PATH: no control plane is complete, and Velero's own is of no use.
    has: programs('etcd', 'kubectl', 'velero'),
    isCached: (prefix: string) => cached.some((name) => prefix.startsWith(name)),
  };
  expect(missingPrerequisites(wanted, machine)).toEqual([
    'Go 1.26 or newer, which builds kubernetes 1.36.3, velero 1.18.3: install it from https://go.dev/dl, or set SITESHIFT_KUBE_APISERVER, SITESHIFT_KUBE_CONTROLLER_MANAGER, SITESHIFT_KUBE_SCHEDULER, SITESHIFT_KUBECTL, SITESHIFT_VELERO to your own',
  ]);
});

test.each<readonly [string, Partial<Machine>, Parameters<typeof missingPrerequisites>[0], readonly string[]]>(
  [
    [
      'root on Debian lacks Go alone',
      { canInstall: true, canUnpackMysql: true },
      { nacos: true, kubernetes: false, tests: false },
      ['Go'],
    ],
    [
      'an etcd of its own spares the lab Go, not the tests',
      { canInstall: true, canUnpackMysql: true, has: programs('etcd') },
      { nacos: true, kubernetes: false, tests: true },
      ['Go'],
    ],
    [
      'nothing is asked for that is in the cache',
      { isCached: () => true, has: programs('haproxy', 'mariadbd', 'java', 'openssl') },
      { nacos: true, kubernetes: true, tests: false },
      [],
    ],
    [
      'without Nacos nobody needs Java',
      { canUnpackMysql: true, has: programs('haproxy', 'mariadbd', 'etcd') },
      { nacos: false, kubernetes: false, tests: false },
      [],
    ],
  ],
)('%s', (_, more, wanted, expected) => {
  expect(firstWords(wanted, { ...bare, ...more })).toEqual(expected);
});
