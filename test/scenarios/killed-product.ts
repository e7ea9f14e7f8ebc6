import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { pointName } from '../../domain/promotion/points.ts';
import type { Json } from '../../domain/json.ts';
import type { StepInput, StepOutcome } from '../../domain/step.ts';
import type { PromoteDatabaseParameters } from '../../domain/step-parameters.ts';
import { promote, promotedIn, type TestCluster } from '../databases/test-cluster.ts';

export type Input = StepInput<PromoteDatabaseParameters>;

/** The product in its own process, killed by SIGKILL at one point; waits on stdin, so that it can be started ahead. */
function startProduct(cluster: TestCluster, point: string, name: string) {
  const marker = join(cluster.folder, `marker-${name}`);
  const stops = JSON.stringify([{ point: pointName(point), marker }]);
  const child = spawn(process.execPath, ['worker/run-step.ts', 'promoteDatabase'], {
    env: { ...process.env, SITESHIFT_STOP_AT: stops },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return async (input: Input): Promise<string> => {
    child.stdin.end(JSON.stringify(input));
    const [code, signal] = await ended;
    return signal ?? `ended with code ${code} without coming to ${point}: ${said}`;
  };
}

/** Starts the next process while this one works: starting Node is most of what a kill costs. */
export function* products(cluster: TestCluster, points: readonly string[], phase: string) {
  let next = startProduct(cluster, points[0] ?? '', `${phase}-0`);
  for (const [index, point] of points.entries()) {
    const product = next;
    const following = points[index + 1];
    if (following !== undefined) next = startProduct(cluster, following, `${phase}-${index + 1}`);
    yield { point, product };
  }
}

/** Points that an attempt in this process has passed, to be compared with the lists. */
export const passed = new Set<string>();
const reached = async (point: string): Promise<void> => {
  passed.add(point);
};
export const attempt = (input: Input): Promise<StepOutcome> => promote(input, { reached });

/** What the report must say of a promotion, whichever attempt is the first that lives to tell it. */
export interface Told {
  readonly leftToDo: readonly RegExp[];
  /** Evidence by its name, and how its value begins. */
  readonly evidence: { readonly [what: string]: RegExp };
}

export const whenPlanned: Told = {
  leftToDo: [],
  evidence: { 'candidate holds exactly the freeze position': /./, 'promotion position': /./ },
};

export const whenUnplanned: Told = {
  leftToDo: [/^[a-z]+-\d could not be reached: end its process with SIGKILL/],
  evidence: {
    fence: /^proven: /,
    loss: /^no acknowledged transaction is lost: by construction/,
    'promotion position': /./,
  },
};

export const whenAlone: Told = {
  leftToDo: [/^[a-z]+-\d acknowledges writes alone/, ...whenUnplanned.leftToDo],
  evidence: { ...whenUnplanned.evidence, 'opened without acknowledgers': /./ },
};

const textOf = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** What an outcome does not say although it must, or says although it must not. */
export function untold({ evidence, leftToDo = [] }: StepOutcome, told: Told): readonly string[] {
  const unproven = Object.entries(told.evidence).filter(
    ([name, value]) => !evidence.some((one) => one.what === name && value.test(textOf(one.value))),
  );
  const isAsExpected =
    leftToDo.length === told.leftToDo.length &&
    told.leftToDo.every((sentence, index) => sentence.test(leftToDo[index] ?? ''));
  return [
    ...unproven.map(([name]) => `no evidence of: ${name}`),
    ...(isAsExpected ? [] : [`left to do: ${leftToDo.join('; ') || 'nothing'}`]),
  ];
}

/** Killed, run again: it is done; a third run says already; both say all that the killed attempt would have said. */
export async function killedOnce(
  point: string,
  product: (input: Input) => Promise<string>,
  input: Input,
  told: Told,
): Promise<{ readonly primary: string; readonly problem?: string }> {
  const end = await product(input);
  if (end !== 'SIGKILL') return { primary: '', problem: `${point}: ${end}` };
  const outcome = await attempt(input);
  const primary = promotedIn(outcome.summary);
  const again = await attempt(input);
  const problems = [
    ...(['done', 'already'].includes(outcome.status) ? [] : [`${outcome.status}, ${outcome.summary}`]),
    ...untold(outcome, told),
    ...(again.status === 'already' ? [] : [`third run: ${again.status}, ${again.summary}`]),
    ...untold(again, told).map((problem) => `third run: ${problem}`),
  ];
  return problems.length === 0 ? { primary } : { primary, problem: `${point}: ${problems.join('; ')}` };
}
