import { createHash } from 'node:crypto';
import type { StepTools } from '../tools.ts';
import type { ClusterSessions } from './cluster-sessions.ts';
import { firstRow, noSuchSession, textCell, tolerate, type DatabaseConnection } from './connection.ts';

/** What is locked, and for whom. */
export interface Claimant {
  readonly database: string;
  /** Id of the operation; its earlier attempts give way to this one. */
  readonly operation: string;
}

const patienceMs = { needed: 20_000, dispensable: 3_000 } as const;

/**
 * At most one orchestrator at a time works on a cluster: a lock on every node that answers, held by the very session
 * that sends the statements, so that it ends exactly when no statement can come any more. Always in the same order.
 * A session of an earlier attempt of the same operation is ended: its worker is dead or was given up, but a server goes
 * on with the statement that it was sent, and some wait for what only this attempt can bring.
 * @param dispensable a node that an emergency goes on without when its lock does not become free. Another orchestrator
 * that is at work holds the locks of the other nodes, too.
 */
export async function lockNodes(
  sessions: ClusterSessions,
  { database, operation }: Claimant,
  tools: StepTools,
  dispensable?: string,
): Promise<void> {
  const lock = {
    name: `siteshift/${database}`.slice(0, 64),
    mark: `siteshift/${createHash('sha256').update(`${database} ${operation}`).digest('hex').slice(0, 40)}`,
  };
  const deadline = tools.now() + patienceMs.needed;
  // When a worker's machine is lost, its servers do not hear of it: they give the lock free after this silence.
  const silenceSeconds = Math.ceil(sessions.cluster.catchUpTimeoutMs / 1_000) + 60;
  const nodes = [...sessions.reached].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [node, connection] of nodes) {
    await connection.query(`SET SESSION wait_timeout = ${silenceSeconds}`);
    const until = node === dispensable ? tools.now() + patienceMs.dispensable : deadline;
    const holder = await lockNode(connection, lock, until, tools);
    if (holder === undefined) continue;
    const held = `the lock ${lock.name} is held by ${holder}`;
    if (node !== dispensable)
      throw new Error(`${node}: ${held}, for more than ${patienceMs.needed / 1_000} s`);
    sessions.forsake(node, `${node}: ${held}, which does not end`);
  }
}

/** @returns undefined when locked, otherwise who holds it, in words */
async function lockNode(
  connection: DatabaseConnection,
  { name, mark }: { readonly name: string; readonly mark: string },
  until: number,
  tools: StepTools,
): Promise<string | undefined> {
  for (let waitSeconds = 0; ; waitSeconds = 1) {
    // The mark, held besides the lock, tells the next attempt of this operation that the session was one of its own.
    const row = await firstRow(
      connection,
      'SELECT IF(GET_LOCK(?, ?) = 1, GET_LOCK(?, 0), 0) AS locked, IS_USED_LOCK(?) AS holder, IS_USED_LOCK(?) AS marked',
      [name, waitSeconds, mark, name, mark],
    );
    if (textCell(row, 'locked') === '1') return undefined;
    const holder = textCell(row, 'holder');
    const isOurs = holder !== '' && holder === textCell(row, 'marked');
    if (tools.now() > until) return describeSession(connection, holder, isOurs);
    if (isOurs) await tolerate(connection.query(`KILL CONNECTION ${Number(holder)}`), noSuchSession);
    tools.heartbeat(`waits for the lock on ${connection.node}`);
  }
}

async function describeSession(connection: DatabaseConnection, id: string, isOurs: boolean): Promise<string> {
  const whose = isOurs ? 'an earlier attempt, which was told to end' : 'another orchestrator';
  const sessions = await connection.query('SHOW FULL PROCESSLIST');
  const session = sessions.find((one) => String(one['Id']) === id);
  if (session === undefined) return `session ${id} of ${whose}`;
  const doing = textCell(session, 'Info').replaceAll(/\s+/g, ' ').slice(0, 60);
  const state = [textCell(session, 'Command'), textCell(session, 'State'), doing].filter(
    (word) => word !== '',
  );
  return `session ${id} of ${whose} (for ${textCell(session, 'Time')} s: ${state.join(', ')})`;
}
