import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConfigCenter } from '../../domain/schema/inventory.ts';
import type { StepOutcome } from '../../domain/step.ts';
import { asRoot, type DatabaseServer } from '../engines/database-server.ts';
import { obtainEtcd, startEtcd } from '../engines/etcd.ts';
import { obtainMariadb, startMariadb } from '../engines/mariadb.ts';
import { obtainNacos, startNacos } from '../engines/nacos.ts';
import { prepareServer } from '../engines/topology.ts';
import type { PortBlock } from '../process/ports.ts';
import type { Supervised, Supervisor } from '../process/supervise.ts';
import { startCollectors } from '../sites/start-apps.ts';
import { repositoryFile } from '../sites/start-worker.ts';
import type { AppliedEvent, ConsumersTask } from './push-consumers.ts';
import { accounts, environment, pushParameters, runPush } from './push-step.ts';

export interface RigOptions {
  readonly supervisor: Supervisor;
  readonly ports: PortBlock;
  readonly folder: string;
  readonly consumers: number;
  readonly processes: number;
  /** Each consumer connects to the config center by itself, as if it were a process of its own. */
  readonly ownConnections: boolean;
  readonly say: (line: string) => void;
}

/** Followers open their connection to the next primary within this time. */
const warmMs = 2_500;

/** Two servers that take turns as the primary: each round, every consumer really changes over. */
export async function startPrimaries(options: RigOptions): Promise<ReadonlyMap<string, DatabaseServer>> {
  const { supervisor, ports, folder, consumers, say } = options;
  const program = await obtainMariadb(say);
  const servers = new Map<string, DatabaseServer>();
  for (const [index, site] of ['east', 'west'].entries()) {
    const server = await startMariadb(supervisor, program, {
      name: `${site}-1`,
      dataDir: join(folder, `${site}-1`),
      port: await ports.next(),
      serverId: 11 + index,
      // Also sets the length of its accept queue: a thousand consumers come in the same moment.
      maxConnections: consumers * 2 + 3_000,
      threads: 4,
    });
    await prepareServer(server, { accounts, schema: 'shop' });
    servers.set(site, server);
  }
  return servers;
}

export async function startCenter(kind: 'nacos' | 'etcd', options: RigOptions): Promise<ConfigCenter> {
  const { supervisor, ports, folder, say } = options;
  if (kind === 'etcd') {
    const client = await ports.next();
    const program = await obtainEtcd(say);
    const dataDir = join(folder, 'etcd');
    await startEtcd(supervisor, {
      program,
      name: 'etcd',
      dataDir,
      ports: { client, peer: await ports.next() },
    });
    return { kind, site: 'edge', endpoints: [`http://127.0.0.1:${client}`], prefix: '/siteshift/' };
  }
  const port = await ports.nextForNacos();
  const program = await obtainNacos(say);
  await startNacos(supervisor, program, { name: 'nacos', home: join(folder, 'nacos'), port });
  return { kind, site: 'edge', url: `http://127.0.0.1:${port}/nacos`, namespace: 'public' };
}

export interface Round {
  readonly outcome: StepOutcome;
  readonly events: readonly AppliedEvent[];
}

/** One center with its consumers, and the product's step that pushes to them. */
export interface Rig {
  /** Opens the other server and pushes it. Resolves when the step has ended and all is quiet again. */
  round(): Promise<Round>;
  end(): Promise<void>;
}

export async function startRig(
  name: string,
  center: ConfigCenter,
  servers: ReadonlyMap<string, DatabaseServer>,
  options: RigOptions & { readonly useCollectors: boolean; readonly keepWarm: boolean },
): Promise<Rig> {
  const { supervisor, ports, folder, consumers, processes } = options;
  const collectors = await startCollectors(supervisor, ports);
  const { site: _site, ...followed } = center;
  const key = center.kind === 'etcd' ? `/config/${name}` : `${name}.json`;
  const eventFiles: string[] = [];
  const running: Supervised[] = [];
  for (let index = 0; index < processes; index += 1) {
    const eventsFile = join(folder, `${name}-${index}.events`);
    writeFileSync(eventsFile, '');
    eventFiles.push(eventsFile);
    const snapshotFolder = join(folder, `${name}-${index}`);
    mkdirSync(snapshotFolder, { recursive: true });
    const names = Array.from({ length: consumers }, (_, number) => `app-${number}`);
    const task: ConsumersTask = {
      consumers: names.filter((_, number) => number % processes === index),
      follower: {
        datasource: 'orders',
        site: 'edge',
        center: followed,
        key,
        collectors: collectors.map(({ url }) => ({ url })),
        connectionLimit: 1,
        ownConnection: options.ownConnections,
        limits: { warmMs: options.keepWarm ? warmMs : 0 },
      },
      snapshotFolder,
      eventsFile,
    };
    const file = join(folder, `${name}-${index}.json`);
    writeFileSync(file, JSON.stringify(task));
    running.push(
      await supervisor.start({
        name: `consumers-${index}`,
        command: process.execPath,
        args: [repositoryFile('lab/bench/push-consumers.ts'), file],
        ports: {},
        env: environment,
        ready: async () => undefined,
      }),
    );
  }
  const eventsOf = (epoch: number): readonly AppliedEvent[] =>
    eventFiles
      .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as AppliedEvent)
      .filter((event) => event.epoch === epoch);
  await untilRegistered(center, consumers);
  let epoch = 0;
  return {
    round: async () => {
      epoch += 1;
      const [from, to] = epoch % 2 === 0 ? (['east', 'west'] as const) : (['west', 'east'] as const);
      await turn(servers, from, to);
      const used = options.useCollectors ? collectors : [];
      const parameters = pushParameters(center, key, servers, used, from, to);
      const outcome = await runPush(parameters, epoch);
      // Late ones count up to 3 s; the standbys are open again after that.
      await sleep(warmMs + 1_500);
      return { outcome, events: eventsOf(epoch) };
    },
    end: async () => {
      await Promise.all([...running, ...collectors.map(({ process }) => process)].map((one) => one.stop()));
    },
  };
}

/** What promoteDatabase would leave: one server takes writes, the other does not. */
async function turn(servers: ReadonlyMap<string, DatabaseServer>, from: string, to: string): Promise<void> {
  for (const [site, closed] of [
    [from, 1],
    [to, 0],
  ] as const) {
    const server = servers.get(site);
    if (server !== undefined) await asRoot(server, (root) => root.query(`SET GLOBAL read_only = ${closed}`));
  }
}

/** All of them must be there before the first round: who comes later is not waited for. */
async function untilRegistered(center: ConfigCenter, consumers: number): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const seen = await (center.kind === 'etcd' ? countInEtcd(center) : countInNacos(center));
    if (seen >= consumers) return;
    if (Date.now() > deadline)
      throw new Error(`waited 120 s for ${consumers} consumers; ${seen} are registered`);
    await sleep(250);
  }
}

async function countInEtcd({ endpoints, prefix }: Extract<ConfigCenter, { kind: 'etcd' }>): Promise<number> {
  const base64 = (key: string) => Buffer.from(key).toString('base64');
  const start = `${prefix}consumers/orders/`;
  const range = { key: base64(start), range_end: base64(`${start.slice(0, -1)}0`), count_only: true };
  const response = await fetch(`${endpoints[0] ?? ''}/v3/kv/range`, {
    method: 'POST',
    body: JSON.stringify(range),
  });
  return Number(((await response.json()) as { count?: string }).count ?? 0);
}

async function countInNacos({ url }: Extract<ConfigCenter, { kind: 'nacos' }>): Promise<number> {
  const query = 'namespaceId=public&groupName=siteshift&serviceName=siteshift.orders';
  const response = await fetch(`${url}/v3/client/ns/instance/list?${query}`);
  const { data } = (await response.json()) as { data?: unknown };
  return Array.isArray(data) ? data.length : 0;
}
