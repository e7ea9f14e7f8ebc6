import type { Decision } from '../step.ts';
import { bestOf, candidatesOf, judgeCandidate, whyNoCandidate } from './candidates.ts';
import { isReached, isReplica, type JournalRow, type NodeFacts, type ReachedNode } from './facts.ts';
import { measuredLoss, recordedEvidence } from './findings.ts';
import {
  aloneObjection,
  durabilityOf,
  judgeFence,
  judgeLoss,
  lossObjection,
  revocation,
} from './guarantees.ts';
import { interruptedFreeze, mayBeOpen, newestOpening, openingToFinish, whyMayBeOpen } from './interrupted.ts';
import { leftBehind } from './judge-promoted.ts';
import { leftAfter } from './left-to-do.ts';
import {
  nodeNamed,
  ownRow,
  staleReason,
  type ObservedPromotion,
  type PromotionInput,
} from './observed-promotion.ts';
import { preflight } from './preflight.ts';
import { unfinished } from './unfinished.ts';

const refuse = (...reasons: string[]): Decision => ({ kind: 'refuse', reasons });

export function decidePromotion(observed: ObservedPromotion, input: PromotionInput): Decision {
  const decision = decideBySight(observed, input);
  return decision.kind === 'refuse' && mayBeRestarting(observed.nodes, input)
    ? { ...decision, mayPass: true }
    : decision;
}

/**
 * A server of those that this move cannot do without is away, or is just connecting to its source again; forced, the
 * source is what is lost.
 */
const mayBeRestarting = (nodes: readonly NodeFacts[], { style, parameters }: PromotionInput): boolean =>
  style === 'forced'
    ? nodes.some((node) => node.site !== parameters.fromSite && !isReached(node))
    : nodes.some(
        (node) => !isReached(node) || node.server.channels.some(({ receiver }) => receiver === 'connecting'),
      );

function decideBySight(observed: ObservedPromotion, input: PromotionInput): Decision {
  const { nodes } = observed;
  const stale = staleReason(nodes, input);
  if (stale !== undefined) return refuse(stale);
  if (ownRow(nodes, input, 'undone') !== undefined)
    return refuse(`operation ${input.operation.id} has been undone at epoch ${input.operation.epoch}`);
  const opened = openingToFinish(nodes, input);
  const writable = nodes.filter(isReached).filter((node) => node.server.writable);
  const isLeftBehind = leftBehind(
    ownRow(nodes, input, 'opened'),
    writable.map((node) => node.name),
    input,
  );
  if (writable.length > 1 && !isLeftBehind)
    return refuse(
      `${writable.map((node) => node.name).join(' and ')} both accept writes: split brain; freeze one of them first`,
    );
  if (opened !== undefined) return decideAfterOpening(observed, opened, input);
  const other = writable.find((node) => node.name !== input.parameters.primary);
  if (other !== undefined)
    return refuse(
      `${other.name} accepts writes, while the plan expects ${input.parameters.primary} to be the primary: make a new plan`,
    );
  const doubt = writable.length === 0 ? doubtAboutPrimary(nodes, input) : undefined;
  if (doubt !== undefined) return refuse(doubt);
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

/** Nobody accepts writes, and somebody else than the plan's primary may be the one that did last. */
function doubtAboutPrimary(nodes: readonly NodeFacts[], input: PromotionInput): string | undefined {
  const { primary } = input.parameters;
  const unseen = mayBeOpen(nodes, primary);
  if (
    unseen !== undefined &&
    !(input.style === 'forced' && input.overrides?.['acceptUnfenced'] !== undefined)
  )
    return `${whyMayBeOpen(unseen)}; bring it back, or switch it off and answer acceptUnfenced to a forced promotion`;
  const row = newestOpening(nodes);
  const onRecord = row === undefined ? undefined : nodeNamed(nodes, row.primary);
  if (row === undefined || onRecord === undefined || onRecord.name === primary || isReplica(onRecord))
    return undefined;
  return `${onRecord.name} in ${onRecord.site} is the primary on record (epoch ${row.epoch}, operation ${row.operation}) and is closed: only a move to ${onRecord.site} opens it`;
}

/** Somebody is on record: what is left is to open it (a crash in between), to bring siblings over, to demote the old one. */
function decideAfterOpening(
  observed: ObservedPromotion,
  opened: JournalRow,
  input: PromotionInput,
): Decision {
  const { parameters, operation } = input;
  const promoted = nodeNamed(observed.nodes, opened.primary);
  if (promoted === undefined)
    return refuse(`${opened.primary} was promoted at epoch ${opened.epoch} and cannot be reached now`);
  const isOwn = opened.epoch === operation.epoch && opened.operation === operation.id;
  const whose = isOwn ? 'this operation' : `operation ${opened.operation}`;
  const tail = unfinished(observed, promoted, input);
  if (tail.length === 0) {
    const findings = observed.opening?.findings ?? null;
    return {
      kind: 'already',
      because: `${parameters.database}: ${promoted.name} is primary at epoch ${opened.epoch}, by ${whose}`,
      ...(isOwn ? { snapshot: { primary: opened.previous, promoted: promoted.name } } : {}),
      evidence: [...recordedEvidence(opened, findings), ...measuredLoss(observed)],
      details: findings?.details ?? [],
      durationsMs: findings?.durationsMs ?? {},
      leftToDo: leftAfter(observed, opened),
    };
  }
  if (isOwn) return { kind: 'apply', will: tail };
  const ahead = Object.entries(observed.compared).filter(([, { errant }]) => errant !== '');
  if (!promoted.server.writable && ahead.length > 0 && input.overrides?.['acceptLoss'] === undefined)
    return refuse(
      ...ahead.map(
        ([name, { errant }]) =>
          `${name} holds ${errant}, which ${promoted.name} lacks, the primary on record since epoch ${opened.epoch}: a person must decide (acceptLoss gives them up)`,
      ),
    );
  return { kind: 'apply', will: [`finish what ${whose} began at epoch ${opened.epoch}`, ...tail] };
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
  const interrupted = frozenByUs ? undefined : interruptedFreeze(observed.nodes);
  if (interrupted?.previous === name)
    return {
      kind: 'apply',
      will: [
        `open ${name} again, which operation ${interrupted.operation} froze at epoch ${interrupted.epoch} and left`,
        `freeze ${name}`,
        `promote one of ${candidates.map((node) => node.name).join(', ')}`,
        `make ${name} a standby of ${database}`,
      ],
    };
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
  const alone = aloneObjection(cluster, name, observed.nodes, input.overrides?.['acceptAlone']);
  if (alone !== undefined && !frozenByUs) return refuse(alone);
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
  const { acceptUnfenced, acceptLoss, acceptAlone } = input.overrides ?? {};
  const primary = nodeNamed(observed.nodes, name);
  const alone = aloneObjection(cluster, name, observed.nodes, acceptAlone);
  const will = [
    primary === undefined
      ? `${name} cannot be reached: go by what the standbys received`
      : `freeze ${name} if it lets us`,
    `promote one of ${candidates.map((node) => node.name).join(', ')}`,
  ];
  if (primary !== undefined) return alone === undefined ? { kind: 'apply', will } : refuse(alone);
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
  const durability = durabilityOf(cluster, name, observed.nodes);
  const fence = judgeFence({
    primary: name,
    durability,
    frozen: false,
    revocation: cut,
    ...(acceptUnfenced === undefined ? {} : { acceptUnfenced }),
  });
  const loss = judgeLoss({
    primary: name,
    durability,
    revocation: cut,
    behindSurvivors: 0,
  });
  const objection = lossObjection(loss, acceptableLossTransactions, acceptLoss);
  const reasons = [
    ...(fence.kind === 'unproven' ? fence.reasons : []),
    ...(objection === undefined ? [] : [objection]),
    ...(alone === undefined ? [] : [alone]),
  ];
  return reasons.length > 0 ? { kind: 'refuse', reasons } : { kind: 'apply', will };
}
