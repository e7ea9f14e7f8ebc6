import { readFileSync } from 'node:fs';

export interface CollectorConfig {
  readonly host: string;
  readonly port: number;
  /** Callers with this token may do everything; without one everybody who reaches the port may. */
  readonly token?: string;
  /** Callers with this token may connect and acknowledge, and nothing else. */
  readonly consumerToken?: string;
}

/**
 * SITESHIFT_COLLECTOR_LISTEN (default 127.0.0.1:7460), SITESHIFT_COLLECTOR_TOKEN and
 * SITESHIFT_COLLECTOR_CONSUMER_TOKEN, the last two as references env:NAME or file:PATH.
 * @throws Error that names the variable, what was expected and what was seen
 */
export function readCollectorConfig(environment: NodeJS.ProcessEnv): CollectorConfig {
  const listen = environment['SITESHIFT_COLLECTOR_LISTEN'] ?? '127.0.0.1:7460';
  const parts = /^(.+):(\d{1,5})$/.exec(listen);
  const port = Number(parts?.[2]);
  if (parts?.[1] === undefined || port > 65_535) {
    throw new Error(`SITESHIFT_COLLECTOR_LISTEN: expected HOST:PORT, seen ${JSON.stringify(listen)}`);
  }
  const token = secretOf('SITESHIFT_COLLECTOR_TOKEN', environment);
  const consumerToken = secretOf('SITESHIFT_COLLECTOR_CONSUMER_TOKEN', environment);
  if (consumerToken !== undefined && token === undefined) {
    throw new Error(
      'SITESHIFT_COLLECTOR_CONSUMER_TOKEN: expected SITESHIFT_COLLECTOR_TOKEN beside it, seen none: documents could be handed by anybody',
    );
  }
  return {
    host: parts[1].replaceAll(/^\[|\]$/g, ''),
    port,
    ...(token === undefined ? {} : { token }),
    ...(consumerToken === undefined ? {} : { consumerToken }),
  };
}

function secretOf(variable: string, environment: NodeJS.ProcessEnv): string | undefined {
  const reference = environment[variable];
  if (reference === undefined) return undefined;
  const [, kind, where] = /^(env|file):(.+)$/.exec(reference) ?? [];
  if (where === undefined)
    throw new Error(`${variable}: expected env:NAME or file:PATH, seen something else`);
  const value = kind === 'env' ? environment[where] : readSecretFile(variable, where);
  if (value === undefined || value === '') throw new Error(`${variable}: ${reference} is empty or not set`);
  return value;
}

function readSecretFile(variable: string, path: string): string {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch (cause) {
    throw new Error(`${variable}: cannot read file:${path}`, { cause });
  }
}
