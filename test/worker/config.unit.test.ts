import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ConfigError, readWorkerConfig } from '../../worker/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'siteshift-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text = ''): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const inventory = file('siteshift.yaml');
const needed = { SITESHIFT_INVENTORY: inventory, SITESHIFT_RUNBOOKS: folder };

test('defaults suit a server on this machine', () => {
  expect(readWorkerConfig(needed)).toEqual({
    temporal: { address: '127.0.0.1:7233', namespace: 'default', taskQueue: 'siteshift' },
    inventoryFile: inventory,
    runbooksFolder: folder,
    logLevel: 'info',
  });
});

test('TLS and API key come from files', () => {
  const { temporal } = readWorkerConfig({
    ...needed,
    SITESHIFT_TEMPORAL_API_KEY: `file:${file('key', 'secret-key\n')}`,
    SITESHIFT_TEMPORAL_TLS_CERT: file('crt', 'CRT'),
    SITESHIFT_TEMPORAL_TLS_KEY: file('pem', 'KEY'),
  });
  expect(temporal.apiKey).toBe('secret-key');
  expect(temporal.tls?.clientCertificate?.crt.toString()).toBe('CRT');
});

test('every problem is told at once', () => {
  const wrong = {
    SITESHIFT_INVENTORY: join(folder, 'none.yaml'),
    SITESHIFT_RUNBOOKS: inventory,
    SITESHIFT_TEMPORAL_ADDRESS: 'localhost',
    SITESHIFT_LOG_LEVEL: 'loud',
    SITESHIFT_TEMPORAL_TLS: 'on',
    SITESHIFT_TEMPORAL_TLS_CERT: file('crt2', 'CRT'),
    SITESHIFT_TEMPORAL_ADRESS: 'typo',
  };
  const problems = problemsOf(() => readWorkerConfig(wrong));
  expect(problems).toEqual([
    'SITESHIFT_TEMPORAL_ADDRESS: expected host:port, seen "localhost"',
    'SITESHIFT_TEMPORAL_TLS: expected true or false, seen "on"',
    'SITESHIFT_TEMPORAL_TLS_CERT and SITESHIFT_TEMPORAL_TLS_KEY: expected both or none',
    'SITESHIFT_TEMPORAL_ADRESS: unknown; known: SITESHIFT_TEMPORAL_ADDRESS, SITESHIFT_TEMPORAL_NAMESPACE, ' +
      'SITESHIFT_TEMPORAL_TASK_QUEUE, SITESHIFT_TEMPORAL_API_KEY, SITESHIFT_TEMPORAL_TLS, SITESHIFT_TEMPORAL_TLS_CA, ' +
      'SITESHIFT_TEMPORAL_TLS_CERT, SITESHIFT_TEMPORAL_TLS_KEY, SITESHIFT_TEMPORAL_TLS_SERVER_NAME',
    `SITESHIFT_INVENTORY: expected a file at ${join(folder, 'none.yaml')}, seen none`,
    `SITESHIFT_RUNBOOKS: expected a folder at ${inventory}, seen none`,
    'SITESHIFT_LOG_LEVEL: expected trace, debug, info, warn, error, fatal, seen "loud"',
  ]);
});

function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}
