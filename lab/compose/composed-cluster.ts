import type { DatabaseCluster } from '../../domain/schema/inventory.ts';
import { asAccount, firstRow, type Accounts, type ReachableServer } from '../engines/database-server.ts';
import type { NodeState } from './cluster-state.ts';

export type ComposedNode = ReachableServer & { readonly layout: { readonly name: string } };

/** A cluster of the inventory as the lab's functions take it. */
export interface ComposedCluster {
  readonly name: string;
  readonly engine: 'mysql' | 'mariadb';
  readonly durability: 'semisync' | 'async';
  readonly accounts: Accounts;
  readonly nodes: ReadonlyMap<string, ComposedNode>;
}

export function composedCluster(name: string, cluster: DatabaseCluster, accounts: Accounts): ComposedCluster {
  const nodes = Object.entries(cluster.nodes).map(([node, { host, port }]): [string, ComposedNode] => [
    node,
    { flavour: cluster.engine, host, port, process: { name: node }, layout: { name: node } },
  ]);
  const { engine, durability } = cluster;
  return { name, engine, durability, accounts, nodes: new Map(nodes) };
}

const questions = {
  mysql: {
    state: 'SELECT @@GLOBAL.read_only AS closed, @@GLOBAL.gtid_executed AS executed',
    source: 'SHOW REPLICA STATUS',
  },
  mariadb: {
    state: 'SELECT @@GLOBAL.read_only AS closed, @@GLOBAL.gtid_current_pos AS executed',
    source: 'SHOW SLAVE STATUS',
  },
} as const;

export const stateOf = (node: ComposedNode, accounts: Accounts): Promise<NodeState> =>
  asAccount(node, accounts.admin, async (connection) => {
    const { state, source } = questions[node.flavour];
    const seen = await firstRow(connection, state);
    const uptime = await firstRow(connection, "SHOW GLOBAL STATUS LIKE 'Uptime'");
    return {
      name: node.layout.name,
      isOpen: Number(seen?.['closed']) === 0,
      isEmpty: seen?.['executed'] === '',
      hasSource: (await firstRow(connection, source)) !== undefined,
      upForSeconds: Number(uptime?.['Value']),
    };
  });
