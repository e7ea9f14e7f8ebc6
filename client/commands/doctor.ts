import type { StepRecord } from '../../domain/run.ts';
import { checkSecrets } from '../../domain/schema/secrets.ts';
import type { Inventory } from '../../domain/schema/inventory.ts';
import type { Loaded } from '../../domain/schema/load.ts';
import type { Runbook } from '../../domain/schema/runbook.ts';
import { askedMoves, refusalFindings } from '../asked-moves.ts';
import type { ClientConfig } from '../config.ts';
import { CommandFailure } from '../exit-codes.ts';
import type { Ending } from '../exit-codes.ts';
import { connectFailoverClient } from '../failover-client.ts';
import type { FailoverClient } from '../failover-client.ts';
import type { Finding } from '../finding.ts';
import type { Output } from '../output.ts';
import { possibleMoves } from '../possible-moves.ts';
import type { PossibleMove } from '../possible-moves.ts';
import { secretReader } from '../secrets.ts';
import { readSources } from '../source-files.ts';

export interface DoctorOptions {
  /** Also asks every step of a possible move what it would do: that is what reaches the databases and gateways. */
  readonly precheck: boolean;
}

/** Looks at everything a failover will need, from here to the targets, and says what is missing and what helps. */
export async function doctor(config: ClientConfig, options: DoctorOptions, output: Output): Promise<Ending> {
  const { findings: local, moves } = await lookAtFiles(config);
  const remote = await lookAtTemporal(config, options.precheck ? moves : []);
  const findings = [nodeVersion(), ...local, ...remote.findings];
  const isWell = findings.every(({ ok }) => ok);
  output.json({ ok: isWell, findings });
  for (const { ok, what, detail, remedy } of findings) {
    output.line(`${ok ? 'ok     ' : 'missing'}  ${what}: ${detail}`);
    if (remedy !== undefined && !ok) output.line(`         → ${remedy}`);
  }
  if (isWell) return 'ok';
  return remote.isReachable ? 'problems' : 'unreachable';
}

const finding = (what: string, ok: boolean, detail: string, remedy: string): Finding =>
  ok ? { what, ok, detail } : { what, ok, detail, remedy };

function nodeVersion(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  return finding('Node.js', major >= 24, process.versions.node, 'install Node 24 or newer');
}

async function lookAtFiles(
  config: ClientConfig,
): Promise<{ findings: readonly Finding[]; moves: readonly PossibleMove[] }> {
  const { inventory, runbooks, problems } = await readSources(config.inventoryFile, config.runbooksFolder);
  const files = finding(
    'inventory and runbooks',
    problems.length === 0,
    problems.length === 0 ? `${runbooks.length} runbooks` : problems.map(({ message }) => message).join('; '),
    'correct the lines above; SITESHIFT_INVENTORY and SITESHIFT_RUNBOOKS say where the files are',
  );
  if (inventory === undefined) return { findings: [files], moves: [] };
  const unreadable = await checkSecrets(inventory, secretReader(config.environment));
  const secrets = finding(
    'secrets, as seen from this shell',
    unreadable.length === 0,
    unreadable.length === 0 ? 'all readable' : unreadable.map(({ message }) => message).join('; '),
    "set the variables or files; where only the worker's machine has them, run siteshift doctor there",
  );
  const moves = possibleMoves(inventory, runbooks);
  const stuck = moves.filter(({ isPossible }) => !isPossible);
  const compiling = finding(
    'moves',
    moves.some(({ isPossible }) => isPossible),
    `${moves.length - stuck.length} of ${moves.length} runbook and site pairs compile`,
    stuck.flatMap(({ because }) => because)[0] ?? 'add runbooks that need nothing but `from` and `to`',
  );
  const clusters = rehearsalOf(inventory.value, runbooks, moves);
  return { findings: [files, secrets, compiling, ...clusters], moves };
}

/** Backups, definitions and quotas are looked at by a rehearsal alone: without one, silence would look like health. */
function rehearsalOf(
  { kubernetes }: Inventory,
  runbooks: readonly Loaded<Runbook>[],
  moves: readonly PossibleMove[],
): readonly Finding[] {
  if (Object.keys(kubernetes?.clusters ?? {}).length === 0) return [];
  const rehearsing = runbooks
    .filter(({ value }) => value.steps.some(({ uses }) => uses === 'rehearseKubernetes'))
    .map(({ value }) => value.name);
  const tries = moves.filter(({ runbook }) => rehearsing.includes(runbook));
  const possible = tries.filter(({ isPossible }) => isPossible);
  const why = tries[0]?.because[0] ?? 'no runbook for two sites has a step rehearseKubernetes';
  const detail =
    possible.length > 0
      ? `rehearsed by ${[...new Set(possible.map(({ runbook }) => runbook))].join(', ')}`
      : `nobody looks at backups, manifests, definitions and quotas before they are needed: ${why}`;
  return [
    finding('clusters', possible.length > 0, detail, 'take runbooks/kubernetes-rehearsal.yaml of siteshift'),
  ];
}

async function lookAtTemporal(
  config: ClientConfig,
  moves: readonly PossibleMove[],
): Promise<{ findings: readonly Finding[]; isReachable: boolean }> {
  const { address, namespace, taskQueue } = config.temporal;
  const client = await connectFailoverClient(config).catch((error: unknown) => asFailure(error));
  if (client instanceof CommandFailure) {
    const remedy = 'start Temporal, or set SITESHIFT_TEMPORAL_ADDRESS to where it listens';
    return { findings: [finding('Temporal', false, client.message, remedy)], isReachable: false };
  }
  try {
    const pollers = await client.pollers();
    const missing = await client.missingSearchAttributes();
    const findings = [
      finding('Temporal', true, `${address}, namespace ${namespace}`, ''),
      finding(
        'search attributes',
        missing.length === 0,
        missing.length === 0 ? 'registered' : `not registered: ${missing.join(', ')}`,
        `temporal operator search-attribute create --namespace ${namespace} ${missing.map((name) => `--name ${name} --type Keyword`).join(' ')}`,
      ),
      finding(
        'worker',
        pollers.length > 0,
        pollers.length > 0 ? pollers.join(', ') : `nobody asks for work on task queue ${taskQueue}`,
        'start a worker: npm run worker',
      ),
    ];
    const asked = pollers.length > 0 ? askedMoves(moves) : [];
    const checked = await Promise.all(asked.map((move) => lookThroughPrecheck(client, move)));
    return { findings: [...findings, ...checked.flat()], isReachable: true };
  } catch (error) {
    const { message } = asFailure(error);
    return {
      findings: [finding('Temporal', false, message, `check the namespace ${namespace}`)],
      isReachable: false,
    };
  } finally {
    await client.close();
  }
}

function asFailure(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  throw error;
}

/** Only the worker reaches the targets: a precheck of a possible move makes it look at each of them. */
async function lookThroughPrecheck(client: FailoverClient, move: PossibleMove): Promise<readonly Finding[]> {
  const { runbook, from, to } = move;
  const request = { runbook, from, to, mode: 'precheck', reason: 'siteshift doctor' } as const;
  try {
    const { record } = await client.result(await client.start(request));
    return record.steps.flatMap((step) =>
      stepFindings(`precheck ${runbook} ${from} to ${to}, ${step.id}`, step),
    );
  } catch (error) {
    return refusalFindings(move, asFailure(error).message);
  }
}

function stepFindings(what: string, { kind, outcome, waitingFor }: StepRecord): readonly Finding[] {
  const rehearsed =
    kind === 'rehearseKubernetes' ? (outcome?.before as Rehearsed | null | undefined) : undefined;
  if (rehearsed === undefined || rehearsed === null) {
    const isFine = outcome?.status === 'planned' || outcome?.status === 'already';
    const remedy = outcome?.details.join('; ') ?? '';
    const detail = outcome?.summary ?? waitingFor ?? 'not looked at, because an earlier step refused';
    return [finding(what, isFine, detail, remedy === '' ? `see to it: ${detail}` : remedy)];
  }
  const { problems, warnings, good } = rehearsed;
  return [
    ...problems.map((detail) => ({ what, ok: false, detail })),
    ...warnings.map((detail) => ({ what, ok: true, detail: `warning: ${detail}` })),
    ...good.map((detail) => ({ what, ok: true, detail })),
  ];
}

/** A rehearsal has many findings, each a sentence with its remedy. */
interface Rehearsed {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly good: readonly string[];
}
