import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FollowerOptions } from '../../agents/follower/options.ts';
import { checkListening } from '../process/check-listening.ts';
import { directPaths, type Paths } from '../process/paths.ts';
import type { PortBlock } from '../process/ports.ts';
import type { Supervised, Supervisor } from '../process/supervise.ts';
import type { AppConfig } from '../unit-app/main.ts';
import { appsOf, dataSites, type DataSite } from './layout.ts';
import { repositoryFile } from './start-worker.ts';

export interface LabApp {
  readonly name: string;
  readonly site: DataSite;
  readonly port: number;
  readonly commitLog: string;
  readonly process: Supervised;
}

export interface LabCollector {
  readonly site: DataSite;
  readonly url: string;
  readonly process: Supervised;
}

export async function startCollectors(
  supervisor: Supervisor,
  ports: PortBlock,
  paths: Paths = directPaths,
): Promise<LabCollector[]> {
  const collectors = [];
  for (const site of dataSites) {
    const port = await ports.next();
    const front = await paths.front(`collector-${site}`, port);
    collectors.push({ site, port, url: `http://127.0.0.1:${front}` });
  }
  return Promise.all(
    collectors.map(async ({ site, port, url }) => ({
      site,
      url,
      process: await supervisor.start({
        name: `collector-${site}`,
        command: process.execPath,
        args: [repositoryFile('agents/collector/main.ts')],
        ports: { http: port },
        env: { SITESHIFT_COLLECTOR_LISTEN: `127.0.0.1:${port}` },
        ready: () => checkListening(port),
      }),
    })),
  );
}

/** What a follower needs besides its own name: the same for every application. */
export type FollowedDatasource = Pick<FollowerOptions, 'datasource' | 'center' | 'key' | 'group'>;

/** Chooses the ports first: the gateways are configured with them before the applications run. */
export async function planApps(ports: PortBlock): Promise<{ name: string; site: DataSite; port: number }[]> {
  const apps = [];
  for (const site of dataSites)
    for (const name of appsOf(site)) apps.push({ name, site, port: await ports.next() });
  return apps;
}

export async function startApps(options: {
  readonly supervisor: Supervisor;
  readonly folder: string;
  readonly apps: readonly { readonly name: string; readonly site: DataSite; readonly port: number }[];
  readonly datasources: readonly FollowedDatasource[];
  readonly collectors: readonly LabCollector[];
}): Promise<LabApp[]> {
  const { supervisor, folder, datasources, collectors } = options;
  mkdirSync(folder, { recursive: true });
  return Promise.all(
    options.apps.map(async ({ name, site, port }) => {
      const commitLog = join(folder, `${name}.commits.jsonl`);
      const config: AppConfig = {
        name,
        site,
        port,
        commitLog,
        unit: site,
        followers: datasources.map((datasource) => ({
          ...datasource,
          consumer: name,
          site,
          connectionLimit: 32,
          collectors: collectors.map(({ url }) => ({ url })),
          snapshotFile: join(folder, `${name}.${datasource.datasource}.json`),
        })),
      };
      const configFile = join(folder, `${name}.json`);
      writeFileSync(configFile, JSON.stringify(config, undefined, 2));
      const running = await supervisor.start({
        name,
        command: process.execPath,
        args: [repositoryFile('lab/unit-app/main.ts'), configFile],
        ports: { http: port },
        ready: () => checkListening(port),
      });
      return { name, site, port, commitLog, process: running };
    }),
  );
}
