import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentRecord } from '../../domain/gateway-decisions.ts';
import { closedTable } from '../../domain/routing.ts';
import { rulesDigest, stampRules } from '../../domain/rules-digest.ts';
import { parseReportedRules, parseStamp } from '../../domain/schema/gateway-messages.ts';
import type { GatewayAgentConfig } from './config.ts';
import { durableWrite } from './durable-write.ts';

/** The agent's memory on disk. */
export interface RecordFile {
  /** New at each start. */
  readonly bootId: string;
  readonly loaded: AgentRecord;
  /** Returns once it is safe against a crash. @throws when another agent has taken over this folder */
  save(record: AgentRecord): Promise<void>;
}

/** @throws Error when the file is damaged: an agent must not go on as if it had promised nothing. */
export async function openRecordFile(config: GatewayAgentConfig): Promise<RecordFile> {
  await mkdir(config.stateDirectory, { recursive: true });
  const file = join(config.stateDirectory, 'gateway-agent.json');
  const bootId = randomUUID();
  const loaded = (await readRecord(file, config)) ?? emptyRecord(config);
  const write = (record: AgentRecord) =>
    durableWrite(file, `${JSON.stringify({ version: 1, bootId, ...record })}\n`);
  await write(loaded);
  return {
    bootId,
    loaded,
    save: async (record) => {
      const holder = await bootIdIn(file);
      if (holder !== bootId) {
        throw new Error(
          `${file} belongs to the agent started as ${holder ?? 'nobody (file gone)'}, this one is ${bootId}: two agents use the same stateDirectory, or it was removed`,
        );
      }
      await write(record);
    },
  };
}

function emptyRecord({ gateway, domain, peers, buckets }: GatewayAgentConfig): AgentRecord {
  const members = [gateway, ...Object.keys(peers)].sort();
  return {
    gateway,
    domain,
    joined: false,
    promised: { epoch: 0, operation: '' },
    accepted: stampRules({ domain, epoch: 0, operation: '', members, table: closedTable(buckets) }),
  };
}

async function readRecord(file: string, config: GatewayAgentConfig): Promise<AgentRecord | undefined> {
  const text = await readText(file);
  if (text === undefined) return undefined;
  const damaged = (what: string, cause?: unknown) =>
    new Error(
      `${file} is damaged (${what}): restore it, or remove it while the other gateways are up; the agent then joins anew`,
      { cause },
    );
  let value: { [field: string]: unknown };
  try {
    value = JSON.parse(text) as { [field: string]: unknown };
  } catch (cause) {
    throw damaged('no JSON', cause);
  }
  const promised = parseStamp(value['promised']);
  const accepted = parseReportedRules(value['accepted']);
  if (value['version'] !== 1 || typeof value['joined'] !== 'boolean') throw damaged('unknown version');
  if (!promised.ok) throw damaged(promised.problems.join('; '));
  if (!accepted.ok) throw damaged(accepted.problems.join('; '));
  if (rulesDigest(accepted.message) !== accepted.message.digest) throw damaged('digest of the rules');
  if (value['gateway'] !== config.gateway || value['domain'] !== config.domain) {
    throw new Error(
      `${file} belongs to gateway ${String(value['gateway'])} of ${String(value['domain'])}, the config says ${config.gateway} of ${config.domain}`,
    );
  }
  if (accepted.message.table.length !== config.buckets) {
    throw new Error(
      `${file} holds rules for ${accepted.message.table.length} buckets, the config says ${config.buckets}`,
    );
  }
  return {
    gateway: config.gateway,
    domain: config.domain,
    joined: value['joined'],
    promised: promised.message,
    accepted: accepted.message,
  };
}

async function bootIdIn(file: string): Promise<string | undefined> {
  const text = await readText(file);
  return text === undefined ? undefined : (JSON.parse(text) as { bootId?: string }).bootId;
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
