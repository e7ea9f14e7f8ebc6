import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { temporalProblems } from '../domain/temporal-environment.ts';

/** Everything a way in reads from its environment; the names are those of the worker. */
export interface ClientConfig {
  readonly temporal: {
    readonly address: string;
    readonly namespace: string;
    readonly taskQueue: string;
    readonly apiKey?: string;
    readonly tls?: ClientTls;
  };
  readonly inventoryFile: string;
  readonly runbooksFolder: string;
  /** Base address of Temporal's web UI, for links; absent = no links. */
  readonly ui?: string;
  /** Who answers and starts, unless a command says otherwise. */
  readonly user: string;
  readonly environment: Environment;
}

export interface ClientTls {
  readonly serverNameOverride?: string;
  readonly serverRootCACertificate?: Buffer;
  readonly clientCertPair?: { readonly crt: Buffer; readonly key: Buffer };
}

export type Environment = { readonly [name: string]: string | undefined };

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** @throws ConfigError with every problem at once */
export function readClientConfig(environment: Environment): ClientConfig {
  const problems = [...temporalProblems(environment)];
  const text = (name: string): string | undefined => environment[name] || undefined;
  const file = (name: string): Buffer | undefined => {
    const path = text(name);
    if (path === undefined) return undefined;
    try {
      return readFileSync(path);
    } catch {
      problems.push(`${name}: expected a readable file, seen ${path}`);
      return undefined;
    }
  };
  const apiKey = secretText(text('SITESHIFT_TEMPORAL_API_KEY'), problems);
  const tls = readTls(text, file);
  const ui = text('SITESHIFT_UI');
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  return Object.freeze({
    temporal: {
      address: text('SITESHIFT_TEMPORAL_ADDRESS') ?? '127.0.0.1:7233',
      namespace: text('SITESHIFT_TEMPORAL_NAMESPACE') ?? 'default',
      taskQueue: text('SITESHIFT_TEMPORAL_TASK_QUEUE') ?? 'siteshift',
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(tls === undefined ? {} : { tls }),
    },
    inventoryFile: resolve(text('SITESHIFT_INVENTORY') ?? 'siteshift.yaml'),
    runbooksFolder: resolve(text('SITESHIFT_RUNBOOKS') ?? 'runbooks'),
    ...(ui === undefined ? {} : { ui: ui.replace(/\/+$/, '') }),
    user: userInfo().username,
    environment,
  });
}

function readTls(
  text: (name: string) => string | undefined,
  file: (name: string) => Buffer | undefined,
): ClientTls | undefined {
  const serverName = text('SITESHIFT_TEMPORAL_TLS_SERVER_NAME');
  const ca = file('SITESHIFT_TEMPORAL_TLS_CA');
  const crt = file('SITESHIFT_TEMPORAL_TLS_CERT');
  const key = file('SITESHIFT_TEMPORAL_TLS_KEY');
  const isOn = text('SITESHIFT_TEMPORAL_TLS') === 'true';
  if (!isOn && ca === undefined && crt === undefined && serverName === undefined) return undefined;
  return {
    ...(serverName === undefined ? {} : { serverNameOverride: serverName }),
    ...(ca === undefined ? {} : { serverRootCACertificate: ca }),
    ...(crt === undefined || key === undefined ? {} : { clientCertPair: { crt, key } }),
  };
}

/** file:PATH or the value itself. */
function secretText(value: string | undefined, problems: string[]): string | undefined {
  if (value === undefined || !value.startsWith('file:')) return value;
  try {
    return readFileSync(value.slice('file:'.length), 'utf8').trim();
  } catch {
    problems.push('SITESHIFT_TEMPORAL_API_KEY: expected a readable file, seen none');
    return undefined;
  }
}

/** The one place where a client touches its environment. */
export const clientEnvironment = (): Environment => process.env;
