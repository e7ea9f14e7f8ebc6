import { judgeStamp } from '../operation.ts';
import type { Decision } from '../step.ts';
import { bestOf, candidatesOf, judgeCandidate, whyNoCandidate } from './candidates.ts';
import { isReached, type JournalRow, type NodeFacts, type ReachedNode } from './facts.ts';
import { judgeFence, judgeLoss, lossObjection, revocation } from './guarantees.ts';
import { nodeNamed, ownRow, type ObservedPromotion, type PromotionInput } from './observed-promotion.ts';
import { preflight } from './preflight.ts';
import { unfinished } from './unfinished.ts';

const refuse = (...reasons: string[]): Decision => ({ kind: 'refuse', reasons });

export function decidePromotion(observed: ObservedPromotion, input: PromotionInput): Decision {
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
function staleReason(nodes: readonly NodeFacts[], { operation, mode }: PromotionInput): string | undefined {
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
function decideAfterOpening(
  observed: ObservedPromotion,
  opened: JournalRow,
  input: PromotionInput,
): Decision {
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

function decideGraceful(
  observed: ObservedPromotion,
  candidates: readonly ReachedNode[],
  input: PromotionInput,
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

/** Forced always tries; what it must be able to prove is said here already, so that a precheck shows it. */
function decideForced(
  observed: ObservedPromotion,
  candidates: readonly ReachedNode[],
  input: PromotionInput,
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
