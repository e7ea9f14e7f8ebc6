import type { DatasourceDocument } from '../../domain/datasource.ts';
import { asAccount, firstRow, type Accounts, type DatabaseServer } from '../engines/database-server.ts';
import { domain, schema } from './layout.ts';

/** Where a datasource of the lab is published. */
export type Place =
  | { readonly nacosUrl: string; readonly group: string; readonly key: string }
  | { readonly etcdUrl: string; readonly key: string };

/** As much of a cluster as its document tells; the first node is the primary. */
export interface SeededCluster {
  readonly name: string;
  readonly engine: DatabaseServer['flavour'];
  readonly accounts: Pick<Accounts, 'admin' | 'application'>;
  readonly nodes: ReadonlyMap<
    string,
    Pick<DatabaseServer, 'host' | 'port'> & {
      readonly layout: { readonly name: string };
      readonly front?: number;
    }
  >;
}

/** The documents that a deployment has before siteshift ever ran: somebody wrote them by hand, under epoch 1. */
export async function seedDatasource(cluster: SeededCluster, password: string, place: Place): Promise<void> {
  const content = JSON.stringify(await firstDocument(cluster, password), undefined, 2);
  await ('nacosUrl' in place ? publishInNacos(place, content) : publishInEtcd(place, content));
}

async function firstDocument(cluster: SeededCluster, password: string): Promise<DatasourceDocument> {
  const [primary] = cluster.nodes.values();
  if (primary === undefined) throw new Error(`${cluster.name} has no node`);
  const { name, engine, accounts } = cluster;
  const column = engine === 'mysql' ? '@@server_uuid' : '@@server_id';
  const row = await asAccount(primary, accounts.admin, (connection) =>
    firstRow(connection, `SELECT ${column} AS identity`),
  );
  return {
    epoch: 1,
    operation: 'day-zero',
    datasource: name,
    domain,
    engine,
    primary: primary.layout.name,
    host: primary.host,
    port: primary.front ?? primary.port,
    schema,
    user: accounts.application.user,
    password,
    serverIdentity: String(row?.['identity']),
  };
}

async function publishInNacos(
  place: { nacosUrl: string; group: string; key: string },
  content: string,
): Promise<void> {
  const form = new URLSearchParams({
    namespaceId: 'public',
    groupName: place.group,
    dataId: place.key,
    content,
    type: 'json',
  });
  const response = await fetch(`${place.nacosUrl}/v3/admin/cs/config`, { method: 'POST', body: form });
  const answer = await response.text();
  if (!response.ok || !answer.includes('"code":0'))
    throw new Error(`publishing ${place.key} in Nacos: expected code 0, saw ${answer}`);
}

async function publishInEtcd(place: { etcdUrl: string; key: string }, content: string): Promise<void> {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const response = await fetch(`${place.etcdUrl}/v3/kv/put`, {
    method: 'POST',
    body: JSON.stringify({ key: base64(place.key), value: base64(content) }),
  });
  if (!response.ok)
    throw new Error(
      `publishing ${place.key} in etcd: expected 200, saw ${response.status} ${await response.text()}`,
    );
}
