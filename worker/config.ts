import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { temporalProblems } from '../domain/temporal-environment.ts';

/** Everything the worker reads from its environment; nothing else in it does. docs/operations.md lists the variables. */
export interface WorkerConfig {
  readonly temporal: {
    readonly address: string;
    readonly namespace: string;
    readonly taskQueue: string;
    readonly apiKey?: string;
    readonly tls?: {
      readonly serverName?: string;
      readonly ca?: Buffer;
      readonly clientCertificate?: { readonly crt: Buffer; readonly key: Buffer };
    };
  };
  readonly inventoryFile: string;
  readonly runbooksFolder: string;
  readonly logLevel: LogLevel;
  /** Workflow bundle made by `node worker/bundle.ts`; absent: it is made when the worker starts. */
  readonly workflowBundle?: string;
  /** Tests only: JSON list of points to die at; see stop-points.ts. */
  readonly stopAt?: string;
}

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

export type Environment = { readonly [name: string]: string | undefined };

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      `the worker's environment has ${problems.length} problem(s):\n${problems.map((p) => `- ${p}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

/** @throws ConfigError with every problem at once */
export function readWorkerConfig(environment: Environment): WorkerConfig {
  const reader = new Reader(environment);
  reader.problems.push(...temporalProblems(environment));
  const config: WorkerConfig = {
    temporal: {
      address: reader.text('SITESHIFT_TEMPORAL_ADDRESS') ?? '127.0.0.1:7233',
      namespace: reader.text('SITESHIFT_TEMPORAL_NAMESPACE') ?? 'default',
      taskQueue: reader.text('SITESHIFT_TEMPORAL_TASK_QUEUE') ?? 'siteshift',
      ...reader.credentials(),
    },
    inventoryFile: reader.path('SITESHIFT_INVENTORY', 'siteshift.yaml', 'file'),
    runbooksFolder: reader.path('SITESHIFT_RUNBOOKS', 'runbooks', 'folder'),
    logLevel: reader.logLevel('SITESHIFT_LOG_LEVEL'),
    ...reader.optional('workflowBundle', 'SITESHIFT_WORKFLOW_BUNDLE'),
    ...reader.optional('stopAt', 'SITESHIFT_STOP_AT'),
  };
  if (reader.problems.length > 0) throw new ConfigError(reader.problems);
  return Object.freeze(config);
}

class Reader {
  readonly problems: string[] = [];
  private readonly environment: Environment;
  constructor(environment: Environment) {
    this.environment = environment;
  }

  text(name: string): string | undefined {
    const value = this.environment[name];
    return value === undefined || value === '' ? undefined : value;
  }

  optional<Key extends string>(key: Key, name: string): { readonly [name in Key]?: string } {
    const value = this.text(name);
    return value === undefined ? {} : ({ [key]: value } as { readonly [name in Key]?: string });
  }

  path(name: string, fallback: string, expected: 'file' | 'folder'): string {
    const path = resolve(this.text(name) ?? fallback);
    const found = statSync(path, { throwIfNoEntry: false });
    const isFine = expected === 'file' ? found?.isFile() : found?.isDirectory();
    if (isFine !== true) this.problems.push(`${name}: expected a ${expected} at ${path}, seen none`);
    return path;
  }

  logLevel(name: string): LogLevel {
    const value = this.text(name) ?? 'info';
    const level = logLevels.find((known) => known === value);
    if (level === undefined) {
      this.problems.push(`${name}: expected ${logLevels.join(', ')}, seen ${JSON.stringify(value)}`);
    }
    return level ?? 'info';
  }

  credentials(): Pick<WorkerConfig['temporal'], 'apiKey' | 'tls'> {
    const apiKey = this.secret('SITESHIFT_TEMPORAL_API_KEY');
    const ca = this.file('SITESHIFT_TEMPORAL_TLS_CA');
    const crt = this.file('SITESHIFT_TEMPORAL_TLS_CERT');
    const key = this.file('SITESHIFT_TEMPORAL_TLS_KEY');
    const serverName = this.text('SITESHIFT_TEMPORAL_TLS_SERVER_NAME');
    const isOn = this.text('SITESHIFT_TEMPORAL_TLS') === 'true';
    const hasTls = isOn || ca !== undefined || crt !== undefined || serverName !== undefined;
    return {
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(hasTls
        ? {
            tls: {
              ...(serverName === undefined ? {} : { serverName }),
              ...(ca === undefined ? {} : { ca }),
              ...(crt === undefined || key === undefined ? {} : { clientCertificate: { crt, key } }),
            },
          }
        : {}),
    };
  }

  /** file:PATH or the value itself. */
  private secret(name: string): string | undefined {
    const value = this.text(name);
    if (value === undefined || !value.startsWith('file:')) return value;
    return this.read(name, value.slice('file:'.length))?.toString('utf8').trim();
  }

  private file(name: string): Buffer | undefined {
    const path = this.text(name);
    return path === undefined ? undefined : this.read(name, path);
  }

  private read(name: string, path: string): Buffer | undefined {
    try {
      return readFileSync(path);
    } catch (error) {
      this.problems.push(
        `${name}: cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`,
      );
      return undefined;
    }
  }
}

/** The one place where the worker touches its environment. */
export const workerEnvironment = (): Environment => process.env;
