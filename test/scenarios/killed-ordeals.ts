import { setTimeout as sleep } from 'node:timers/promises';
import { attachReplica } from '../../lab/engines/topology.ts';
import {
  endPromotionAt,
  leaving,
  promotedIn,
  stepInput,
  type TestCluster,
} from '../databases/test-cluster.ts';
import { startWriters, type Writers } from '../databases/writers.ts';
import {
  attempt,
  killedOnce,
  products,
  untold,
  whenAlone,
  whenPlanned,
  whenUnplanned,
  type Input,
} from './killed-product.ts';

/** One cluster that goes through many kills, and its primary of the moment. */
export interface Patient {
  readonly cluster: TestCluster;
  primary: string;
  epoch: number;
}

/** The points at which the product was killed, and what went wrong by it. */
export interface Ordeal {
  readonly points: readonly string[];
  readonly problems: readonly string[];
  readonly lost: readonly string[];
  readonly acknowledged: number;
  readonly seconds: number;
}

export interface Story {
  readonly points: readonly string[];
  readonly phase: string;
  readonly style?: 'graceful' | 'forced';
  readonly parameters?: (patient: Patient) => Partial<Input['parameters']>;
  /** What has happened before the product is started that will be killed. */
  readonly before?: (input: Input, patient: Patient) => Promise<void>;
}

const inputFor = (patient: Patient, style: 'graceful' | 'forced', story?: Story): Input => {
  const parameters = { ...leaving(patient.primary), ...story?.parameters?.(patient) };
  return stepInput(patient.cluster.parameters(parameters), (patient.epoch += 2), { style });
};

/** Promotions whose old primary answers, under writers that never stop. */
export async function killedUnderWriters(patient: Patient, story: Story): Promise<Ordeal> {
  const startedAt = Date.now();
  const { cluster } = patient;
  const writers = await startWriters(cluster, { clients: 4, thinkMs: 20 });
  await writers.reach(20);
  const points: string[] = [];
  const problems: string[] = [];
  const lost: string[] = [];
  for (const { point, product } of products(cluster, story.points, story.phase)) {
    const input = inputFor(patient, story.style ?? 'graceful', story);
    await story.before?.(input, patient);
    points.push(point);
    const { primary, problem } = await killedOnce(point, product, input, whenPlanned);
    if (problem !== undefined) problems.push(problem);
    if (problem !== undefined) break;
    patient.primary = primary;
    // At once, so that nothing can be brought along later; whatever is missing names where it got lost.
    lost.push(...(await writers.missingOn(primary)).map((row) => `${row} on ${primary}, killed ${point}`));
    await writers.reach(writers.acknowledged + 20);
  }
  await writers.stop();
  lost.push(...(await writers.missingOn(patient.primary)), ...(await missingOnStandbys(patient, writers)));
  return { points, problems, lost, acknowledged: writers.acknowledged, seconds: secondsSince(startedAt) };
}

/** One standby is enough for an acknowledgement: the others may need a moment, but must come to hold everything. */
async function missingOnStandbys({ cluster, primary }: Patient, writers: Writers): Promise<string[]> {
  const deadline = Date.now() + 15_000;
  const standbys = Object.keys(cluster.cluster.nodes).filter((node) => node !== primary);
  for (;;) {
    const missing = (await Promise.all(standbys.map((node) => writers.missingOn(node)))).flat();
    if (missing.length === 0 || Date.now() > deadline) return missing;
    await sleep(100);
  }
}

/** Promotions whose old primary is dead. */
export async function killedWhenUnplanned(patient: Patient, story: Story): Promise<Ordeal> {
  const startedAt = Date.now();
  const { cluster } = patient;
  const points: string[] = [];
  const problems: string[] = [];
  const lost: string[] = [];
  let acknowledged = 0;
  for (const { point, product } of products(cluster, story.points, story.phase)) {
    const input = inputFor(patient, 'forced', story);
    await story.before?.(input, patient);
    const writers = await startWriters(cluster, { clients: 4, thinkMs: 1 });
    await writers.reach(20);
    await writers.stop(); // with a write under way the old primary would come back with a row that nobody has
    acknowledged += writers.acknowledged;
    const dead = cluster.node(patient.primary);
    dead.process.kill();
    await dead.process.gone();
    points.push(point);
    const { primary, problem } = await killedOnce(point, product, input, whenUnplanned);
    if (problem !== undefined) problems.push(problem);
    if (problem !== undefined) break;
    lost.push(...(await writers.missingOn(primary)).map((row) => `${row} on ${primary}, killed ${point}`));
    await dead.process.restart();
    await attachReplica({ replica: dead, source: cluster.node(primary), accounts: cluster.lab.accounts });
    patient.primary = primary;
  }
  return { points, problems, lost, acknowledged, seconds: secondsSince(startedAt) };
}

/**
 * One loss of the primary, and two standbys that cannot follow each other: the first attempt refuses, the others are told
 * to open the candidate alone. Each of the first two is killed.
 */
export async function killedWhenAlone(patient: Patient, story: Story): Promise<Ordeal> {
  const startedAt = Date.now();
  const { cluster, primary: lostPrimary } = patient;
  const input = inputFor(patient, 'forced', story);
  const accepting = { ...input, overrides: { acceptAlone: 'one server is better than none' } };
  const writers = await startWriters(cluster, { clients: 4, thinkMs: 1 });
  await writers.reach(40);
  await writers.stop();
  await shareServerId(patient);
  const dead = cluster.node(lostPrimary);
  dead.process.kill();
  await dead.process.gone();
  const points: string[] = [];
  const problems: string[] = [];
  for (const { point, product } of products(cluster, story.points, story.phase)) {
    const end = await product(points.length === 0 ? input : accepting);
    points.push(point);
    if (end !== 'SIGKILL') problems.push(`${point}: ${end}`);
  }
  const outcome = await attempt(accepting);
  patient.primary = promotedIn(outcome.summary);
  if (outcome.status !== 'done') problems.push(`${outcome.status}, ${outcome.summary}`);
  else problems.push(...untold(outcome, whenAlone));
  const lost = problems.length > 0 ? [] : await writers.missingOn(patient.primary);
  return { points, problems, lost, acknowledged: writers.acknowledged, seconds: secondsSince(startedAt) };
}

/** A replica refuses a source of its own server id. */
async function shareServerId({ cluster, primary }: Patient): Promise<void> {
  const [one = '', other = ''] = Object.keys(cluster.cluster.nodes).filter((node) => node !== primary);
  const [row] = await cluster.sql(one, 'SELECT @@GLOBAL.server_id AS id', 'root');
  await cluster.sql(other, `SET GLOBAL server_id = ${Number(row?.['id'])}`, 'root');
}

/** Undos of a promotion that had come to the brink of the opening. The primary stays the same throughout. */
export async function killedInUndo(patient: Patient, story: Story): Promise<Ordeal> {
  const startedAt = Date.now();
  const { cluster, primary } = patient;
  const writers = await startWriters(cluster, { clients: 4, thinkMs: 20 });
  await writers.reach(20);
  const points: string[] = [];
  const problems: string[] = [];
  for (const { point, product } of products(cluster, story.points, story.phase)) {
    const input = inputFor(patient, 'graceful');
    await endPromotionAt('after-admit-journal', input);
    points.push(point);
    const end = await product({ ...input, mode: 'undo' });
    const outcome = await attempt({ ...input, mode: 'undo' });
    const isBack =
      end === 'SIGKILL' &&
      outcome.status === 'done' &&
      outcome.summary.endsWith(`${primary} accepts writes as before`);
    if (!isBack) problems.push(`${point}: ${end}; then ${outcome.status}, ${outcome.summary}`);
    if (!isBack) break;
    await writers.reach(writers.acknowledged + 20);
  }
  await writers.stop();
  const lost = [...(await writers.missingOn(primary)), ...(await missingOnStandbys(patient, writers))];
  return { points, problems, lost, acknowledged: writers.acknowledged, seconds: secondsSince(startedAt) };
}

/** An operation of a lower epoch ended for good on the brink of the opening: this one opens the old primary again first. */
export const leftByEarlierOperation = async (input: Input): Promise<void> => {
  const epoch = input.operation.epoch - 1;
  await endPromotionAt('after-admit-journal', {
    ...input,
    operation: { ...input.operation, epoch, id: `failover/shop/${epoch}` },
  });
};

/** Somebody has switched the standbys' part in semi-sync off; until they connect anew, they go on acknowledging. */
export const withoutRoles = async (_input: Input, { cluster, primary }: Patient): Promise<void> => {
  const role = cluster.engine === 'mysql' ? 'rpl_semi_sync_replica' : 'rpl_semi_sync_slave';
  for (const node of Object.keys(cluster.cluster.nodes))
    if (node !== primary) await cluster.sql(node, `SET GLOBAL ${role}_enabled = 0`, 'root');
};

/** The cluster as before its first promotion ever. */
export const forgetJournal = async (_input: Input, { cluster, primary }: Patient): Promise<void> => {
  await cluster.sql(primary, `DROP DATABASE IF EXISTS ${cluster.cluster.journalSchema}`, 'root');
};

/** The one that may be promoted receives less than the one that may not, so it has to catch up from it. */
export const onlyFollower = {
  parameters: ({ cluster }: Patient): Partial<Input['parameters']> => {
    const { nodes } = cluster.cluster;
    const never = nodes['west-2'];
    if (never === undefined) throw new Error('no west-2');
    return {
      cluster: {
        ...cluster.cluster,
        nodes: { ...nodes, 'west-2': { ...never, neverPromote: true } },
      },
    };
  },
  before: async (_input: Input, { cluster, primary }: Patient): Promise<void> => {
    const behind = primary === 'east-1' ? 'west-1' : 'east-1';
    await cluster.sql(behind, `STOP ${cluster.engine === 'mysql' ? 'REPLICA' : 'SLAVE'} IO_THREAD`);
  },
};

const secondsSince = (startedAt: number): number => Math.round((Date.now() - startedAt) / 1_000);
