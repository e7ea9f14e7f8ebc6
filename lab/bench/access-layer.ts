import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
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
  readonly tls?: NonNullable<AccessLayerOptions['tls']>;
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
  /** Files of a certificate authority and a certificate for 127.0.0.1, for agents that speak mutual TLS. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
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
  const scheme = options.tls === undefined ? 'http' : 'https';
  const urlOf = (name: string) => `${scheme}://127.0.0.1:${agentPorts.get(name)}`;

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
  const app = await supervisor.start({
    name: `unit-${unit}`,
    command: process.execPath,
    args: [here('toy-unit.ts'), unit, String(port), logFile],
    ports: { http: port },
    ready: () => reach(`http://127.0.0.1:${port}/`),
  });
  return { process: app, logFile, port };
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
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  };
  writeFileSync(file('agent.json'), JSON.stringify(config, null, 2));
  const agentUrl = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${agentPort}`;
  const agent = await supervisor.start({
    name: `agent-${name}`,
    command: process.execPath,
    args: [here('../../agents/gateway/main.ts'), file('agent.json')],
    ports: { http: agentPort },
    ready: async () => void (await reachAgent(agentUrl, options.tls)),
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
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  };
}

async function reach(url: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
  await response.text();
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status}`);
}

export const stateOf = (gateway: LabGateway): Promise<GatewayState> =>
  reachAgent(gateway.agentUrl, gateway.tls);

function reachAgent(url: string, tls: AccessLayerOptions['tls']): Promise<GatewayState> {
  const files =
    tls === undefined
      ? {}
      : { ca: readFileSync(tls.ca), cert: readFileSync(tls.cert), key: readFileSync(tls.key) };
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(`${url}/v1/state`, { ...files, signal: AbortSignal.timeout(3_000) }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')) as GatewayState));
    });
    request.once('error', reject);
    request.end();
  });
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
