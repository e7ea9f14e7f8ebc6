import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { bucketsOf } from '../../domain/bucket-ranges.ts';
import type { BucketRule, RoutingTable } from '../../domain/routing.ts';
import { name } from '../../domain/schema/inventory.ts';
import { knownKeys, sentencesOf } from '../../domain/schema/zod-problems.ts';

const path = z
  .string()
  .min(1)
  .regex(/^\/[^\s]*$/, 'an absolute path without spaces');
const port = z.int().min(0).max(65535);

/** For the person who wrote the file or starts the agent. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The agent's JSON file; every field is described in docs/gateway-agent.md. */
const schema = z.strictObject({
  gateway: name,
  domain: name,
  listen: z.strictObject({ host: z.string().min(1), port }),
  stateDirectory: path,
  leaseMs: z.int().min(200).max(60_000).default(2_000),
  buckets: z.int().min(1).max(10_000).default(100),
  haproxy: z.strictObject({
    masterSocket: path,
    unitsMap: path,
    leaseMap: path,
  }),
  peers: z.record(name, z.url({ protocol: /^https?$/, error: 'an http or https URL' })).default({}),
  joinWithout: z.array(name).default([]),
  initial: z.record(name, z.string()).optional(),
  tls: z.strictObject({ ca: path, cert: path, key: path }).optional(),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

export type GatewayAgentConfig = Omit<z.infer<typeof schema>, 'initial'> & {
  /** Table of a domain that has none yet. */
  readonly initial?: RoutingTable;
};

/**
 * Reads the file named by the first argument or by SITESHIFT_GATEWAY_AGENT_CONFIG.
 * @throws ConfigError that lists every problem of the file at once
 */
export function readConfig(args: readonly string[], environment: NodeJS.ProcessEnv): GatewayAgentConfig {
  const file = args[0] ?? environment['SITESHIFT_GATEWAY_AGENT_CONFIG'];
  if (file === undefined) {
    throw new ConfigError(
      'gateway agent: expected the path of a JSON config as the argument or in SITESHIFT_GATEWAY_AGENT_CONFIG, seen neither',
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ConfigError(`gateway agent: cannot read ${file}: ${String(error)}`, { cause: error });
  }
  return parseConfig(value, file);
}

export function parseConfig(value: unknown, file: string): GatewayAgentConfig {
  const result = schema.safeParse(value, { error: knownKeys });
  if (!result.success) throw invalid(file, sentencesOf(result.error.issues, value, 'file'));
  const { initial, ...config } = result.data;
  const problems = [
    ...(Object.hasOwn(config.peers, config.gateway)
      ? [`peers: expected other gateways only, saw ${config.gateway} itself`]
      : []),
    ...config.joinWithout
      .filter((peer) => !Object.hasOwn(config.peers, peer))
      .map((peer) => `joinWithout: expected peers, saw ${peer}, which is none`),
  ];
  const table = initial === undefined ? undefined : tableOf(initial, config.buckets);
  if (typeof table === 'string') problems.push(table);
  if (problems.length > 0) throw invalid(file, problems);
  return { ...config, ...(typeof table === 'object' ? { initial: table } : {}) };
}

const invalid = (file: string, problems: readonly string[]): ConfigError =>
  new ConfigError(
    `${file} is not a valid config of a gateway agent:\n${problems.map((one) => `- ${one}`).join('\n')}`,
  );

/** unit -> ranges, e.g. {"east": "0-59", "west": "60-99"}; every bucket exactly once. */
function tableOf(initial: { readonly [unit: string]: string }, total: number): RoutingTable | string {
  const table: (BucketRule | undefined)[] = Array.from({ length: total }, () => undefined);
  for (const [unit, ranges] of Object.entries(initial)) {
    const result = bucketsOf(ranges, total);
    if (!result.ok) return `initial.${unit}: expected ${result.expected}`;
    for (const bucket of result.buckets) {
      if (table[bucket] !== undefined)
        return `initial.${unit}: bucket ${bucket} belongs to ${table[bucket].unit}, too`;
      table[bucket] = { unit, state: 'open' };
    }
  }
  const missing = table.findIndex((rule) => rule === undefined);
  return missing === -1 ? (table as RoutingTable) : `initial: bucket ${missing} belongs to no unit`;
}
