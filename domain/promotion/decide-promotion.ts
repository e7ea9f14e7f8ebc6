import { judgeStamp } from '../operation.ts';
import type { Decision, StepInput } from '../step.ts';
import type { PromoteDatabaseParameters } from '../step-parameters.ts';
import { isReached, type JournalPhase, type JournalRow, type NodeFacts, type ReachedNode } from './facts.ts';
import { sourceOf } from './find-primary.ts';
import { judgeFence, judgeLoss, lossObjection, revocation } from './guarantees.ts';
import { preflight, type Inspection } from './preflight.ts';

/** Everything that promoteDatabase reads before it decides. */
export type ObservedPromotion = {
  readonly nodes: readonly NodeFacts[];
  /** Empty when the preflight does not matter any more (forced, or after the freeze). */
  readonly inspections: { readonly [node: string]: Inspection };
  /** Against the primary (the promoted one, once it is open): how far behind, and what only this node holds. */
  readonly compared: { readonly [node: string]: { readonly behind: number; readonly errant: string } };
};

type Input = StepInput<PromoteDatabaseParameters>;

export const journalOf = (nodes: readonly NodeFacts[]): readonly JournalRow[] =>
  nodes.filter(isReached).flatMap((node) => node.journal);

/** The row of this very operation, in whichever journal it can be read. */
export const ownRow = (
  nodes: readonly NodeFacts[],
  input: Pick<Input, 'operation'>,
  phase: JournalPhase,
): JournalRow | undefined =>
  journalOf(nodes).find(
    (row) =>
      row.phase === phase && row.epoch === input.operation.epoch && row.operation === input.operation.id,
  );

export const nodeNamed = (nodes: readonly NodeFacts[], name: string): ReachedNode | undefined =>
  nodes.filter(isReached).find((node) => node.name === name);

const refuse = (...reasons: string[]): Decision => ({ kind: 'refuse', reasons });

export function decidePromotion(observed: ObservedPromotion, input: Input): Decision {
  const { nodes } = observed;
  const stale = staleReason(nodes, input);
  if (stale !== undefined) return refuse(stale);
  if (ownRow(nodes, input, 'undone') !== undefined)
    return refuse(`operation ${input.operation.id} has been undone at epoch ${input.operation.epoch}`);
  const opened = ownRow(nodes, input, 'opened');
  const writable = nodes.filter(isReached).filter((node) => node.server.writable);
  if (writable.length > 1)
    return refuse(
      `${writable.map((node) => node.name).join(' and ')} both accept writes: split brain; freeze one of them first`,
    );
  if (opened !== undefined) return decideAfterOpening(observed, opened, input);
  const other = writable.find((node) => node.name !== input.parameters.primary);
  if (other !== undefined)
    return refuse(
      `${other.name} accepts writes, while the plan expects ${input.parameters.primary} to be the primary: make a new plan`,
    );
  const candidates = candidatesOf(nodes, input);
  if (candidates.length === 0)
    return refuse(
      ...whyNoCandidate(nodes, input),
      `no node of ${input.parameters.database} in ${input.parameters.toSite} can be promoted`,
    );
  return input.style === 'graceful'
    ? decideGraceful(observed, candidates, input)
    : decideForced(observed, candidates, input);
}

/** A precheck holds no claim yet (epoch 0), so there is nothing to compare. */
function staleReason(nodes: readonly NodeFacts[], { operation, mode }: Input): string | undefined {
  if (mode === 'precheck' && operation.epoch === 0) return undefined;
  for (const node of nodes.filter(isReached)) {
    for (const row of node.journal) {
      const verdict = judgeStamp(row, operation.epoch, operation.id);
      if (verdict.kind === 'stale') return `the journal on ${node.name}: ${verdict.reason}`;
    }
  }
  return undefined;
}

/** Ours is on record: what is left is to open it (a crash in between), to bring siblings over, to demote the old one. */
function decideAfterOpening(observed: ObservedPromotion, opened: JournalRow, input: Input): Decision {
  const { parameters, operation } = input;
  const promoted = nodeNamed(observed.nodes, opened.primary);
  if (promoted === undefined)
    return refuse(`${opened.primary} was promoted at epoch ${opened.epoch} and cannot be reached now`);
  const tail = unfinished(observed, promoted, input);
  if (tail.length > 0) return { kind: 'apply', will: tail };
  return {
    kind: 'already',
    because: `${parameters.database}: ${promoted.name} is primary at epoch ${operation.epoch}, by this operation`,
  };
}

/** What an interrupted promotion left undone, in words; empty when all is so. */
export function unfinished(
  { nodes, compared }: ObservedPromotion,
  promoted: ReachedNode,
  { parameters }: Input,
): readonly string[] {
  const tail: string[] = promoted.server.writable ? [] : [`open ${promoted.name}, which the journal names`];
  for (const node of nodes.filter(isReached)) {
    if (node.name === promoted.name || isQuarantined(node.name, compared)) continue;
    if (sourceOf(node, nodes, parameters.cluster.nodes) === promoted.name && running(node)) continue;
    tail.push(`make ${node.name} follow ${promoted.name}`);
  }
  return tail;
}

const running = ({ server }: ReachedNode): boolean =>
  server.channels.every(
    (channel) => channel.receiver !== 'off' && (channel.applier === 'on' || channel.applierErrno !== 0),
  );

/** A node that holds what the new primary lacks is left as it is: a person rebuilds it. */
export const isQuarantined = (name: string, compared: ObservedPromotion['compared']): boolean =>
  (compared[name]?.errant ?? '') !== '';

export function candidatesOf(
  nodes: readonly NodeFacts[],
  { parameters }: Pick<Input, 'parameters'>,
): readonly ReachedNode[] {
  return nodes
    .filter(isReached)
    .filter(
      (node) =>
        node.site === parameters.toSite &&
        node.name !== parameters.primary &&
        parameters.cluster.nodes[node.name]?.neverPromote !== true,
    );
}

function whyNoCandidate(nodes: readonly NodeFacts[], { parameters }: Input): readonly string[] {
  return nodes
    .filter((node) => node.site === parameters.toSite)
    .map((node) =>
      isReached(node)
        ? `${node.name}: ${node.name === parameters.primary ? 'is the primary that is to be left' : 'is marked neverPromote'}`
        : `${node.name}: ${node.because}`,
    );
}

function decideGraceful(
  observed: ObservedPromotion,
  candidates: readonly ReachedNode[],
  input: Input,
): Decision {
  const { primary: name, cluster, database } = input.parameters;
  const primary = nodeNamed(observed.nodes, name);
  if (primary === undefined) {
    const lost = observed.nodes.find((node) => node.name === name);
    return refuse(
      `${name} cannot be frozen: ${lost === undefined || isReached(lost) ? 'it is not in the inventory' : lost.because}`,
      'a forced promotion goes by what the standbys received',
    );
  }
  if (primary.server.channels.length > 0)
    return refuse(`${name} replicates itself, while the plan expects it to be the primary: make a new plan`);
  const frozenByUs = !primary.server.writable && ownRow(observed.nodes, input, 'intended') !== undefined;
  if (!primary.server.writable && !frozenByUs)
    return refuse(
      `${name} accepts no writes, and not because of this operation: open it again or use forced`,
    );
  const resume = frozenByUs ? ['go on after the freeze'] : [];
  const findings = frozenByUs
    ? []
    : preflight(cluster, name, observed.nodes, observed.inspections).filter((one) => one.blocks);
  const verdicts = candidates.map((node) => judgeCandidate(observed, node, name, input, frozenByUs));
  const best = bestOf(verdicts);
  if (findings.length > 0) return refuse(...findings.map((finding) => finding.text));
  if (best === undefined) return refuse(...verdicts.map((one) => one.objection ?? ''));
  if (best.behind > cluster.maxLagTransactions && !frozenByUs)
    return {
      kind: 'wait',
      for: [
        `${best.name} to come within ${cluster.maxLagTransactions} transactions of ${name} (seen: ${best.behind})`,
      ],
    };
  return {
    kind: 'apply',
    will: [
      ...resume,
      `freeze ${name}`,
      `promote ${best.name} (${best.behind} transaction(s) behind)`,
      `make ${name} a standby of ${database}`,
    ],
  };
}

/** The standby that a planned promotion takes: nothing speaks against it, and it is the least behind. */
export function chooseCandidate(
  observed: ObservedPromotion,
  input: Input,
  resuming: boolean,
): string | undefined {
  const { primary } = input.parameters;
  return bestOf(
    candidatesOf(observed.nodes, input).map((node) =>
      judgeCandidate(observed, node, primary, input, resuming),
    ),
  )?.name;
}

/** After an interrupted attempt the one that it detached comes first. */
const bestOf = (verdicts: readonly CandidateVerdict[]): CandidateVerdict | undefined =>
  verdicts
    .filter((one) => one.objection === undefined)
    .sort(
      (a, b) => Number(b.detached) - Number(a.detached) || a.behind - b.behind || (a.name < b.name ? -1 : 1),
    )[0];

interface CandidateVerdict {
  readonly name: string;
  readonly behind: number;
  readonly detached: boolean;
  readonly objection?: string;
}

function judgeCandidate(
  observed: ObservedPromotion,
  node: ReachedNode,
  primary: string,
  input: Input,
  resuming: boolean,
): CandidateVerdict {
  const { name, server } = node;
  const compared = observed.compared[name] ?? { behind: 0, errant: '' };
  const [channel] = server.channels;
  const fine: CandidateVerdict = { name, behind: compared.behind, detached: channel === undefined };
  const objection = (text: string): CandidateVerdict => ({
    ...fine,
    objection: `${name}: ${text}`,
  });
  if (compared.errant !== '')
    return objection(
      `it holds transactions that ${primary} never had (${compared.errant}): promoting it would make them everybody's; rebuild it, or remove them`,
    );
  if (channel === undefined) return resuming ? fine : objection('it does not replicate');
  if (resuming) return fine;
  if (sourceOf(node, observed.nodes, input.parameters.cluster.nodes) !== primary)
    return objection(`it replicates from ${channel.sourceHost}:${channel.sourcePort}, not from ${primary}`);
  if (channel.applierErrno !== 0)
    return objection(`its applier stopped by error ${channel.applierErrno}: ${channel.applierError}`);
  if (channel.applier === 'off') return objection('its applier is stopped');
  if (channel.receiver !== 'on')
    return objection(
      `it receives nothing (${channel.receiver}): ${channel.receiverError || 'no error given'}`,
    );
  return fine;
}

/** Forced always tries; what it must be able to prove is said here already, so that a precheck shows it. */
function decideForced(
  observed: ObservedPromotion,
  candidates: readonly ReachedNode[],
  input: Input,
): Decision {
  const { primary: name, cluster, acceptableLossTransactions } = input.parameters;
  const primary = nodeNamed(observed.nodes, name);
  const will = [
    primary === undefined
      ? `${name} cannot be reached: go by what the standbys received`
      : `freeze ${name} if it lets us`,
    `promote one of ${candidates.map((node) => node.name).join(', ')}`,
  ];
  if (primary !== undefined) return { kind: 'apply', will };
  // What revoking would bring about if every reached standby let go of it.
  const asRevoked = observed.nodes.map((node) =>
    isReached(node)
      ? {
          ...node,
          server: {
            ...node.server,
            channels: node.server.channels.map((channel) => ({ ...channel, receiver: 'off' as const })),
          },
        }
      : node,
  );
  const cut = revocation(cluster, name, asRevoked);
  const { acceptUnfenced, acceptLoss } = input.overrides ?? {};
  const fence = judgeFence({
    primary: name,
    durability: cluster.durability,
    frozen: false,
    revocation: cut,
    ...(acceptUnfenced === undefined ? {} : { acceptUnfenced }),
  });
  const loss = judgeLoss({
    primary: name,
    durability: cluster.durability,
    revocation: cut,
    behindSurvivors: 0,
  });
  const objection = lossObjection(loss, acceptableLossTransactions, acceptLoss);
  const reasons = [
    ...(fence.kind === 'unproven' ? fence.reasons : []),
    ...(objection === undefined ? [] : [objection]),
  ];
  return reasons.length > 0 ? { kind: 'refuse', reasons } : { kind: 'apply', will };
}
