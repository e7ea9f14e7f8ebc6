import { expect, test } from 'vitest';
import { missingPrerequisites, type Machine } from '../../lab/engines/prerequisites.ts';

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
  expect(missingPrerequisites({ nacos: true, tests: true }, bare)).toEqual([
    'haproxy: apt-get install haproxy as root (other systems: its package), or set SITESHIFT_HAPROXY',
    'mariadbd: apt-get install mariadb-server as root (other systems: its package), or set SITESHIFT_MARIADBD',
    'java: apt-get install default-jdk-headless as root (other systems: its package), or set SITESHIFT_JAVA',
    'mvn: apt-get install maven default-jdk-headless as root (other systems: its package), or set SITESHIFT_MAVEN',
    'chromium: apt-get install chromium as root (other systems: its package), or set SITESHIFT_CHROMIUM',
    'mysqld: install MySQL 8.4 or newer, or set SITESHIFT_MYSQLD',
    'Go 1.26 or newer, which builds etcd and fetches the Compose schema: install it from https://go.dev/dl',
  ]);
});

test.each<readonly [string, Partial<Machine>, Parameters<typeof missingPrerequisites>[0], readonly string[]]>(
  [
    [
      'root on Debian lacks Go alone',
      { canInstall: true, canUnpackMysql: true },
      { nacos: true, tests: false },
      ['Go'],
    ],
    [
      'an etcd of its own spares the lab Go, not the tests',
      { canInstall: true, canUnpackMysql: true, has: programs('etcd') },
      { nacos: true, tests: true },
      ['Go'],
    ],
    [
      'nothing is asked for that is in the cache',
      { isCached: () => true, has: programs('haproxy', 'mariadbd', 'java') },
      { nacos: true, tests: false },
      [],
    ],
    [
      'without Nacos nobody needs Java',
      { canUnpackMysql: true, has: programs('haproxy', 'mariadbd', 'etcd') },
      { nacos: false, tests: false },
      [],
    ],
  ],
)('%s', (_, more, wanted, expected) => {
  expect(firstWords(wanted, { ...bare, ...more })).toEqual(expected);
});
