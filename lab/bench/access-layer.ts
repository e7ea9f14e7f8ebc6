import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { emptyMaps, haproxyConfig, type UnitServer } from '../../agents/gateway/haproxy-config.ts';
import type { GatewayState } from '../../domain/gateway-protocol.ts';
import { startHaproxy } from '../engines/haproxy.ts';
import type { PortBlock } from '../process/ports.ts';
import type { Supervised, Supervisor } from '../process/supervise.ts';

export interface LabGateway {
  readonly name: string;
  readonly agentUrl: string;
  readonly endpoint: string;
  readonly folder: string;
  readonly unitsMap: string;
  readonly leaseMap: string;
  readonly masterSocket: string;
  readonly haproxy: Supervised;
  readonly agent: Supervised;
}

export interface AccessLayer {
  readonly gateways: readonly LabGateway[];
  readonly units: { readonly [unit: string]: { readonly process: Supervised; readonly logFile: string } };
  readonly buckets: number;
  readonly leaseMs: number;
}

export interface AccessLayerOptions {
  readonly supervisor: Supervisor;
  readonly ports: PortBlock;
  readonly haproxy: string;
  readonly gateways: readonly string[];
  /** unit -> home buckets. */
  readonly units: { readonly [unit: string]: string };
  readonly buckets?: number;
  readonly leaseMs?: number;
  /** URL under which one agent finds another; default its own. For links that a test cuts. */
  readonly peerUrl?: (from: string, to: string, url: string) => Promise<string>;
  readonly joinWithout?: readonly string[];
}

const domain = 'shop';
const here = (path: string) => resolve(import.meta.dirname, path);

/** Gateways with their agents in front of units that only log: the access layer alone, without databases. */
export async function startAccessLayer(options: AccessLayerOptions): Promise<AccessLayer> {
  const { supervisor, ports } = options;
  const buckets = options.buckets ?? 100;
  const leaseMs = options.leaseMs ?? 2_000;
  const units: Record<string, { process: Supervised; logFile: string; port: number }> = {};
  for (const unit of Object.keys(options.units))
    units[unit] = await startUnit(supervisor, unit, await ports.next());

  const agentPorts = new Map<string, number>();
  for (const name of options.gateways) agentPorts.set(name, await ports.next());
  const urlOf = (name: string) => `http://127.0.0.1:${agentPorts.get(name)}`;

  const gateways: LabGateway[] = [];
  for (const name of options.gateways) {
    const peers: Record<string, string> = {};
    for (const peer of options.gateways.filter((other) => other !== name)) {
      peers[peer] = (await options.peerUrl?.(name, peer, urlOf(peer))) ?? urlOf(peer);
    }
    const servers = Object.fromEntries(
      Object.entries(units).map(([unit, { port }]): [string, UnitServer[]] => [
        unit,
        [{ name: 'app', host: '127.0.0.1', port }],
      ]),
    );
    gateways.push(
      await startGateway({
        ...options,
        name,
        peers,
        servers,
        buckets,
        leaseMs,
        agentPort: agentPorts.get(name) ?? 0,
        port: await ports.next(),
      }),
    );
  }
  return { gateways, units, buckets, leaseMs };
}

async function startUnit(supervisor: Supervisor, unit: string, port: number) {
  const logFile = join(supervisor.stateFolder, `unit-${unit}.log`);
  writeFileSync(logFile, '');
  const process_ = await supervisor.start({
    name: `unit-${unit}`,
    command: process.execPath,
    args: [here('toy-unit.ts'), unit, String(port), logFile],
    ports: { http: port },
    ready: () => reach(`http://127.0.0.1:${port}/`),
  });
  return { process: process_, logFile, port };
}

async function startGateway(
  options: AccessLayerOptions & {
    readonly name: string;
    readonly peers: { readonly [peer: string]: string };
    readonly servers: { readonly [unit: string]: readonly UnitServer[] };
    readonly buckets: number;
    readonly leaseMs: number;
    readonly agentPort: number;
    readonly port: number;
  },
): Promise<LabGateway> {
  const { supervisor, name, buckets, leaseMs, agentPort, port } = options;
  const folder = join(supervisor.stateFolder, name);
  mkdirSync(folder, { recursive: true });
  const file = (leaf: string) => join(folder, leaf);
  const [unitsMap, leaseMap, masterSocket] = [file('units.map'), file('lease.map'), file('m.sock')];
  writeFileSync(unitsMap, emptyMaps.unitsMap);
  writeFileSync(leaseMap, emptyMaps.leaseMap);
  writeFileSync(
    file('haproxy.cfg'),
    haproxyConfig({
      listen: { host: '127.0.0.1', port },
      units: options.servers,
      buckets,
      header: 'x-user-id',
      unitsMap,
      leaseMap,
      statsSocket: file('s.sock'),
    }),
  );
  const haproxy = await startHaproxy(supervisor, {
    program: options.haproxy,
    name: `haproxy-${name}`,
    configFile: file('haproxy.cfg'),
    masterSocket,
    ports: { http: port },
    cwd: folder,
  });
  const config = {
    gateway: name,
    domain,
    listen: { host: '127.0.0.1', port: agentPort },
    stateDirectory: file('state'),
    leaseMs,
    buckets,
    haproxy: { masterSocket, unitsMap, leaseMap },
    peers: options.peers,
    initial: options.units,
    ...(options.joinWithout === undefined ? {} : { joinWithout: options.joinWithout }),
  };
  writeFileSync(file('agent.json'), JSON.stringify(config, null, 2));
  const agentUrl = `http://127.0.0.1:${agentPort}`;
  const agent = await supervisor.start({
    name: `agent-${name}`,
    command: process.execPath,
    args: [here('../../agents/gateway/main.ts'), file('agent.json')],
    ports: { http: agentPort },
    ready: () => reach(`${agentUrl}/v1/state`),
  });
  return {
    name,
    agentUrl,
    endpoint: `http://127.0.0.1:${port}`,
    folder,
    unitsMap,
    leaseMap,
    masterSocket,
    haproxy,
    agent,
  };
}

async function reach(url: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
  await response.text();
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status}`);
}

export async function stateOf(gateway: LabGateway): Promise<GatewayState> {
  const response = await fetch(`${gateway.agentUrl}/v1/state`, { signal: AbortSignal.timeout(3_000) });
  return (await response.json()) as GatewayState;
}

/** Until every gateway renews its leases at this epoch at least. */
export async function waitUntilServing(
  gateways: readonly LabGateway[],
  epoch: number,
  withinMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const states = await Promise.all(gateways.map((gateway) => stateOf(gateway).catch(() => undefined)));
    const isServing = (state: GatewayState | undefined) =>
      state !== undefined &&
      state.notRenewing === undefined &&
      state.accepted.epoch >= epoch &&
      state.workers.length > 0 &&
      state.workers.every((worker) => worker.digest === state.accepted.digest) &&
      Object.values(state.leases).some((at) => at > Date.now());
    if (states.every(isServing)) return;
    if (performance.now() > deadline) {
      const seen = states.map(
        (state, index) =>
          `${gateways[index]?.name}: ${JSON.stringify({ ...state, accepted: state?.accepted.epoch })}`,
      );
      throw new Error(`the gateways do not serve epoch ${epoch} within ${withinMs} ms: ${seen.join('; ')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
