import type { DatabaseCluster } from '../domain/schema/inventory.ts';
import type { Evidence } from '../domain/step.ts';
import { connectTo, firstRow } from './databases/connection.ts';
import type { StepTools } from './tools.ts';

const tables = {
  mysql: 'performance_schema.processlist',
  mariadb: 'information_schema.processlist',
} as const;

/** Sessions of the datasource's account on a node that is no longer its primary; undefined when it cannot be asked. */
export async function countClientSessions(
  node: string,
  cluster: DatabaseCluster,
  user: string,
  tools: StepTools,
): Promise<number | undefined> {
  try {
    const connection = await connectTo(node, cluster, tools);
    try {
      const sql = `SELECT COUNT(*) AS sessions FROM ${tables[cluster.engine]} WHERE user = ?`;
      const row = await firstRow(connection, sql, [user], 2_000);
      return Number(row['sessions']);
    } finally {
      connection.destroy();
    }
  } catch (error) {
    tools.signal.throwIfAborted();
    tools.log.debug({ node, error: String(error) }, 'sessions of the old primary cannot be counted');
    return undefined;
  }
}

const evidenceOf = (node: string, user: string, sessions: number | undefined) => ({
  evidence: {
    what: `client sessions of ${user} on the old primary ${node}`,
    value: sessions ?? 'it cannot be reached',
    source: `process list of ${node}`,
  },
  left: sessions ?? 0,
});

export const unreachableEvidence = (node: string, user: string) => evidenceOf(node, user, undefined);

/** Looks until there are none, for a moment: followers close their old connections after they have acknowledged. */
export async function oldSessionsEvidence(
  node: string,
  cluster: DatabaseCluster,
  user: string,
  withinMs: number,
  tools: StepTools,
): Promise<{ readonly evidence: Evidence; readonly left: number }> {
  const deadline = tools.now() + withinMs;
  for (;;) {
    const sessions = await countClientSessions(node, cluster, user, tools);
    if (sessions === undefined || sessions === 0 || tools.now() >= deadline) {
      return evidenceOf(node, user, sessions);
    }
    tools.heartbeat({ oldSessions: sessions });
    await tools.sleep(50);
  }
}
