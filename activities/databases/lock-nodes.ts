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
    const held = await lockNode(connection, { ...lock, silenceSeconds }, until, tools);
    if (held === undefined) continue;
    if (node !== dispensable)
      throw new Error(`${held}; waited ${patienceMs.needed / 1_000} s for it, and it is tried again`);
    sessions.forsake(node, `${held}; it does not end`);
  }
}

interface Lock {
  readonly name: string;
  readonly mark: string;
  readonly silenceSeconds: number;
}

/** @returns undefined when locked, otherwise who holds it and how that ends, in words */
async function lockNode(
  connection: DatabaseConnection,
  lock: Lock,
  until: number,
  tools: StepTools,
): Promise<string | undefined> {
  const { name, mark } = lock;
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
    const held = `${connection.node}: the lock ${name} is held by ${await describeSession(connection, lock, holder, isOurs)}`;
    if (tools.now() > until) return held;
    if (isOurs) await tolerate(connection.query(`KILL CONNECTION ${Number(holder)}`), noSuchSession);
    tools.heartbeat(held);
  }
}

/** What a person who is called reads while it is waited for: who, what it does, and how it ends without it or by them. */
async function describeSession(
  connection: DatabaseConnection,
  { silenceSeconds }: Lock,
  id: string,
  isOurs: boolean,
): Promise<string> {
  const whose = isOurs ? 'an earlier attempt, which was told to end' : 'another operation';
  const sessions = await connection.query('SHOW FULL PROCESSLIST');
  const session = sessions.find((one) => String(one['Id']) === id);
  if (session === undefined) return `session ${id} of ${whose}`;
  const doing = textCell(session, 'Info').replaceAll(/\s+/g, ' ').slice(0, 60);
  const command = textCell(session, 'Command');
  const state = [command, textCell(session, 'State'), doing].filter((word) => word !== '');
  const seconds = Number(textCell(session, 'Time'));
  const said = `session ${id} of ${whose} (for ${seconds} s: ${state.join(', ')})`;
  if (isOurs) return said;
  const left = command === 'Sleep' ? `, in ${Math.max(0, silenceSeconds - seconds)} s` : '';
  const client = textCell(session, 'Host');
  return (
    `${said}: it ends with that operation's step; if its worker's machine${client === '' ? '' : ` (${client})`} is lost, ` +
    `${connection.node} ends it after ${silenceSeconds} s of silence${left}; ` +
    `once that worker is known to be dead, KILL CONNECTION ${id} on ${connection.node} ends it at once`
  );
}
