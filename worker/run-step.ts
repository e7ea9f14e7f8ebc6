import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { runStep, type StepKind } from '../activities/define-step.ts';
import { resolveSecret } from '../activities/secrets.ts';
import type { StepTools } from '../activities/tools.ts';
import type { Json } from '../domain/json.ts';
import { parseStepInput } from '../domain/schema/step-input.ts';
import type { StepInput, StepOutcome } from '../domain/step.ts';
import { createLog } from './logging.ts';
import { createRedaction } from './redaction.ts';
import { createReached } from './stop-points.ts';

/**
 * Break glass: runs one step without Temporal. `node worker/run-step.ts KIND < input.json` reads a StepInput and
 * prints the StepOutcome; several inputs, one a line, are run one after the other until one is not done, and each outcome
 * is a line, too. `--times N` runs each N times and tells on stderr how long each took. The same code and the same proofs
 * as in a run; only the history is missing. How to write an input: docs/operations.md.
 * Exit code: 0 done, already or planned; 1 anything else; 2 the call itself is wrong.
 */
type Run = (input: StepInput, tools: StepTools) => Promise<StepOutcome>;

const run =
  <Parameters, Observed extends Json, Read>(kind: StepKind<Parameters, Observed, Read>): Run =>
  (input, tools) =>
    runStep(kind, input as StepInput<Parameters>, tools);

/** Loaded when asked for: in an emergency nobody waits for the clients of systems that the step does not touch. */
const kinds: { readonly [kind: string]: () => Promise<Run> } = {
  claimEpoch: async () => run((await import('../activities/claim-epoch.ts')).claimEpoch),
  fenceUnits: async () => run((await import('../activities/fence-units.ts')).fenceUnits),
  openUnits: async () => run((await import('../activities/open-units.ts')).openUnits),
  verifyEndpoint: async () => run((await import('../activities/verify-endpoint.ts')).verifyEndpoint),
  promoteDatabase: async () => run((await import('../activities/promote-database.ts')).promoteDatabase),
  pushDatasource: async () => run((await import('../activities/push-datasource.ts')).pushDatasource),
  callHook: async () => run((await import('../activities/call-hook.ts')).callHook),
  applyManifests: async () => run((await import('../activities/apply-manifests.ts')).applyManifests),
  captureManifests: async () => run((await import('../activities/capture-manifests.ts')).captureManifests),
  prepareStandby: async () => run((await import('../activities/prepare-standby.ts')).prepareStandby),
  rehearseKubernetes: async () =>
    run((await import('../activities/rehearse-kubernetes.ts')).rehearseKubernetes),
  restoreBackup: async () => run((await import('../activities/restore-backup.ts')).restoreBackup),
  scaleOutNodes: async () => run((await import('../activities/scale-out-nodes.ts')).scaleOutNodes),
  shiftMesh: async () => run((await import('../activities/shift-mesh.ts')).shiftMesh),
};

const usage = 'node worker/run-step.ts KIND [--times N] < input.json';

const redaction = createRedaction();
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());

const log = createLog('warn', redaction.redact);
const tools: StepTools = {
  log,
  signal: interrupted.signal,
  heartbeat: () => undefined,
  now: () => Date.now(),
  sleep: (ms) => sleep(ms, undefined, { signal: interrupted.signal }),
  secret: async (reference) => {
    const secret = await resolveSecret(reference);
    redaction.register(secret);
    return secret;
  },
  // oxlint-disable-next-line node/no-process-env -- tests only, as in worker/config.ts
  reached: createReached(process.env['SITESHIFT_STOP_AT']),
};

async function main(): Promise<number> {
  const call = readCall();
  if (typeof call === 'string') return wrong(call);
  const { kind, times, load } = call;
  const step = await load();
  const inputs = parseInputs(kind, await text(process.stdin));
  if (typeof inputs === 'string') return wrong(`${inputs}\nnothing was done`);
  const indent = inputs.length > 1 ? undefined : 2;
  try {
    for (const input of inputs) {
      const outcome = times === undefined ? await step(input, tools) : await timed(step, input, times);
      process.stdout.write(`${redaction.redact(JSON.stringify(outcome, null, indent))}\n`);
      if (!['done', 'already', 'planned'].includes(outcome.status)) return 1;
    }
    return 0;
  } catch (error) {
    process.stderr.write(
      `${redaction.redact(error instanceof Error ? error.message : String(error))}\nits outcome is unknown: run it again, it goes on from what the targets say\n`,
    );
    return 1;
  }
}

/** @returns what is wrong with the arguments, in one text */
function readCall():
  { readonly kind: string; readonly times?: number; readonly load: () => Promise<Run> } | string {
  let parsed: { values: { times?: string }; positionals: string[] };
  try {
    parsed = parseArgs({ options: { times: { type: 'string' } }, allowPositionals: true });
  } catch (error) {
    return `${usage}; ${error instanceof Error ? error.message : String(error)}`;
  }
  const { values, positionals } = parsed;
  const [kind = '', ...more] = positionals;
  if (more.length > 0) return `${usage}; expected one kind, saw ${positionals.join(' ')}`;
  const load = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (load === undefined)
    return `step kind: expected one of ${Object.keys(kinds).join(', ')}, saw ${JSON.stringify(kind)}`;
  if (values.times === undefined) return { kind, load };
  const times = Number(values.times);
  if (!Number.isInteger(times) || times < 1)
    return `--times: expected a whole number from 1, saw ${JSON.stringify(values.times)}`;
  return { kind, times, load };
}

/** The first time has the loading of drivers in it, which a worker has behind it. */
async function timed(step: Run, input: StepInput, times: number): Promise<StepOutcome> {
  for (let left = times; ; left -= 1) {
    const startedAt = performance.now();
    const outcome = await step({ ...input }, tools);
    process.stderr.write(`took ${Math.round(performance.now() - startedAt)} ms\n`);
    if (left <= 1) return outcome;
  }
}

/** @returns what is wrong with them, in one text */
function parseInputs(kind: string, stdin: string): readonly StepInput[] | string {
  const lines = stdin.split('\n').filter((line) => line.trim() !== '');
  const texts = lines.length > 1 && lines.every((line) => line.startsWith('{"')) ? lines : [stdin];
  const problems: string[] = [];
  const inputs: StepInput[] = [];
  for (const [index, text] of texts.entries()) {
    const where = texts.length > 1 ? `step input ${index + 1} on stdin` : 'step input on stdin';
    const value = parseJson(text);
    if (value instanceof Error) {
      problems.push(`${where}: expected a JSON object, or several with one a line; saw ${value.message}`);
      continue;
    }
    const parsed = parseStepInput(kind, value);
    if (parsed.ok) inputs.push(parsed.input);
    else problems.push(...parsed.problems.map((problem) => `${where}: ${problem}`));
  }
  return problems.length === 0 ? inputs : problems.join('\n');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}

function wrong(message: string): number {
  process.stderr.write(`${message}\n`);
  return 2;
}

process.exitCode = await main();
