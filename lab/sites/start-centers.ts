import { join } from 'node:path';
import type { Say } from '../engines/cache.ts';
import { obtainEtcd, startEtcd } from '../engines/etcd.ts';
import { obtainNacos, startNacos } from '../engines/nacos.ts';
import { directPaths, type Paths } from '../process/paths.ts';
import type { PortBlock } from '../process/ports.ts';
import type { Supervisor } from '../process/supervise.ts';
import { etcdKey, nacosKey } from './layout.ts';
import type { FollowedDatasource } from './start-apps.ts';

export interface CenterOptions {
  readonly folder: string;
  readonly say: Say;
  /** Default true. */
  readonly nacos?: boolean;
  readonly supervisor: Supervisor;
  readonly ports: PortBlock;
  readonly paths: Paths;
}

export interface Centers {
  readonly etcdUrl: string;
  readonly nacosUrl?: string;
  followed(database: string): Omit<FollowedDatasource, 'datasource'>;
}

/** `orders` is published in Nacos where there is one, everything else in etcd. */
export async function startCenters(options: CenterOptions): Promise<Centers> {
  const { folder, say, nacos = true, supervisor, ports, paths } = options;
  const etcdPorts = { client: await ports.next(), peer: await ports.next() };
  const etcdUrl = `http://127.0.0.1:${await paths.front('etcd', etcdPorts.client)}`;
  const nacosPort = nacos ? await ports.nextForNacos() : undefined;
  await Promise.all([
    obtainEtcd(say).then((program) =>
      startEtcd(supervisor, { program, name: 'etcd', dataDir: join(folder, 'etcd'), ports: etcdPorts }),
    ),
    nacosPort === undefined
      ? undefined
      : obtainNacos(say).then((program) =>
          startNacos(supervisor, program, { name: 'nacos', home: join(folder, 'nacos'), port: nacosPort }),
        ),
  ]);
  const nacosUrl =
    nacosPort === undefined
      ? undefined
      : `http://127.0.0.1:${await frontNacos(nacosPort, ports, paths)}/nacos`;
  const inNacos = (database: string): string | undefined => (database === 'orders' ? nacosUrl : undefined);
  return {
    etcdUrl,
    ...(nacosUrl === undefined ? {} : { nacosUrl }),
    followed: (database) => {
      const url = inNacos(database);
      return url === undefined
        ? { center: { kind: 'etcd', endpoints: [etcdUrl] }, key: etcdKey(database) }
        : { center: { kind: 'nacos', url }, ...nacosKey };
    },
  };
}

/** Clients find the port for gRPC 1000 above the one for HTTP. */
async function frontNacos(port: number, ports: PortBlock, paths: Paths): Promise<number> {
  if (paths === directPaths) return port;
  const front = await ports.nextForNacos();
  await paths.front('nacos', port + 1_000, front + 1_000);
  return paths.front('nacos', port, front);
}
