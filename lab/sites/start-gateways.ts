import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { emptyMaps, haproxyConfig } from '../../agents/gateway/haproxy-config.ts';
import type { Say } from '../engines/cache.ts';
import { obtainHaproxy, startHaproxy } from '../engines/haproxy.ts';
import { checkListening } from '../process/check-listening.ts';
import type { Paths } from '../process/paths.ts';
import type { PortBlock } from '../process/ports.ts';
import type { Supervised, Supervisor } from '../process/supervise.ts';
import {
  bucketCount,
  dataSites,
  domain,
  gatewayNames,
  homes,
  leaseMs,
  userHeader,
  type DataSite,
} from './layout.ts';
import { repositoryFile } from './start-worker.ts';

/** A proxy and the agent beside it. */
export interface LabGateway {
  readonly name: string;
  readonly agentUrl: string;
  /** Where users reach the proxy. */
  readonly endpoint: string;
  readonly proxy: Supervised;
  readonly agent: Supervised;
}

interface GatewayPlan {
  readonly name: string;
  readonly folder: string;
  readonly agentPort: number;
  readonly proxyPort: number;
  /** Where the others reach them. */
  readonly agentUrl: string;
  readonly endpoint: string;
}

export interface GatewayOptions {
  readonly supervisor: Supervisor;
  readonly ports: PortBlock;
  readonly paths: Paths;
  readonly folder: string;
  readonly say: Say;
  readonly apps: readonly { readonly name: string; readonly site: DataSite; readonly port: number }[];
}

export async function startGateways(options: GatewayOptions): Promise<LabGateway[]> {
  const program = await obtainHaproxy(options.say);
  const plans: GatewayPlan[] = [];
  for (const name of gatewayNames) {
    const folder = join(options.folder, name);
    mkdirSync(folder, { recursive: true });
    const agentPort = await options.ports.next();
    const proxyPort = await options.ports.next();
    plans.push({
      name,
      folder,
      agentPort,
      proxyPort,
      agentUrl: `http://127.0.0.1:${await options.paths.front(`${name}-agent`, agentPort)}`,
      endpoint: `http://127.0.0.1:${await options.paths.front(`${name}-proxy`, proxyPort)}`,
    });
  }
  const apps: GatewayOptions['apps'][number][] = [];
  for (const app of options.apps) apps.push({ ...app, port: await options.paths.front(app.name, app.port) });
  return Promise.all(plans.map((plan) => startGateway(program, plan, plans, { ...options, apps })));
}

async function startGateway(
  program: string,
  { name, folder, agentPort, proxyPort, agentUrl, endpoint }: GatewayPlan,
  all: readonly GatewayPlan[],
  { supervisor, apps }: GatewayOptions,
): Promise<LabGateway> {
  const files = {
    unitsMap: join(folder, 'units.map'),
    leaseMap: join(folder, 'lease.map'),
    statsSocket: join(folder, 'stats.sock'),
    masterSocket: join(folder, 'master.sock'),
    configFile: join(folder, 'haproxy.cfg'),
  };
  writeFileSync(files.unitsMap, emptyMaps.unitsMap);
  writeFileSync(files.leaseMap, emptyMaps.leaseMap);
  writeFileSync(files.configFile, proxyConfig(proxyPort, files, apps));
  const proxy = await startHaproxy(supervisor, {
    program,
    name: `${name}-proxy`,
    configFile: files.configFile,
    masterSocket: files.masterSocket,
    ports: { http: proxyPort },
  });
  const agentConfig = join(folder, 'agent.json');
  const peers = all.filter((one) => one.name !== name).map((one) => [one.name, one.agentUrl]);
  writeFileSync(
    agentConfig,
    JSON.stringify({
      gateway: name,
      domain,
      leaseMs,
      buckets: bucketCount,
      listen: {
        host: '127.0.0.1',
        port: agentPort,
      },
      stateDirectory: join(folder, 'agent'),
      haproxy: {
        masterSocket: files.masterSocket,
        unitsMap: files.unitsMap,
        leaseMap: files.leaseMap,
      },
      peers: Object.fromEntries(peers),
      initial: Object.fromEntries(
        dataSites.map((site) => [site, `${homes[site].first}-${homes[site].last}`]),
      ),
    }),
  );
  const agent = await supervisor.start({
    name: `${name}-agent`,
    command: process.execPath,
    args: [repositoryFile('agents/gateway/main.ts'), agentConfig],
    ports: { http: agentPort },
    ready: () => checkListening(agentPort),
  });
  return {
    name,
    proxy,
    agent,
    agentUrl,
    endpoint,
  };
}

function proxyConfig(
  port: number,
  files: { readonly unitsMap: string; readonly leaseMap: string; readonly statsSocket: string },
  apps: GatewayOptions['apps'],
): string {
  const servers = (site: DataSite) =>
    apps
      .filter((app) => app.site === site)
      .map((app) => ({ name: app.name, host: '127.0.0.1', port: app.port }));
  return haproxyConfig({
    ...files,
    listen: { host: '127.0.0.1', port },
    units: Object.fromEntries(dataSites.map((site) => [site, servers(site)])),
    buckets: bucketCount,
    header: userHeader,
    checkEveryMs: 500,
  });
}
