import type { ObservedPromotion } from '../../domain/datasource-decisions.ts';
import type { DatabaseCluster } from '../../domain/schema/inventory.ts';
import { gatherNeeded } from '../gather-in-time.ts';
import type { StepTools } from '../tools.ts';
import { connectTo, firstRow, isOn, textCell } from './connection.ts';
import { readJournal } from './journal.ts';

const identityOf = { mysql: '@@GLOBAL.server_uuid', mariadb: '@@GLOBAL.server_id' } as const;

export interface Promotion {
  readonly observed: ObservedPromotion;
  /** node -> what its server calls itself; of the nodes that answered. */
  readonly identities: { readonly [node: string]: string };
}

/**
 * Who is primary, from the servers: the newest opening in any journal, and who takes writes now. All nodes at once.
 * @param lost nodes of this site count as unreachable when they have not answered so long after all the others
 */
export async function readPromotion(
  cluster: DatabaseCluster,
  tools: StepTools,
  lost?: { readonly site: string; readonly graceMs: number },
): Promise<Promotion> {
  const looks = Object.entries(cluster.nodes).map(([name, { site }]) => ({
    isNeeded: site !== lost?.site,
    look: readNode(name, cluster, tools),
    late: undefined,
  }));
  const nodes = await gatherNeeded(looks, lost?.graceMs ?? 0);
  const reached = nodes.filter((node) => node !== undefined);
  const newest = reached
    .flatMap((node) => node.journal)
    .filter((row) => row.phase === 'opened')
    .sort((a, b) => b.epoch - a.epoch)[0];
  const names = reached.map((node) => node.name);
  return {
    observed: {
      epoch: newest?.epoch ?? 0,
      operation: newest?.operation ?? '',
      node: newest?.primary ?? '',
      writable: reached.filter((node) => node.isWritable).map((node) => node.name),
      unreachable: Object.keys(cluster.nodes).filter((name) => !names.includes(name)),
    },
    identities: Object.fromEntries(reached.map((node) => [node.name, node.identity])),
  };
}

/** undefined when it cannot be asked; why is of no use here, the promotion step says it. */
async function readNode(name: string, cluster: DatabaseCluster, tools: StepTools) {
  try {
    const connection = await connectTo(name, cluster, tools);
    try {
      const row = await firstRow(
        connection,
        `SELECT ${identityOf[cluster.engine]} AS identity, @@GLOBAL.read_only AS closed`,
        [],
        2_000,
      );
      const journal = await readJournal(connection, cluster.journalSchema);
      return { name, journal, identity: textCell(row, 'identity'), isWritable: !isOn(row['closed']) };
    } finally {
      connection.destroy();
    }
  } catch (error) {
    tools.signal.throwIfAborted();
    tools.log.debug({ node: name, error: String(error) }, 'node cannot be asked for its promotion');
    return undefined;
  }
}
