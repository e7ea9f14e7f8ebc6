import { majorityOf } from './lease.ts';
import { judgeStamp, type Stamp } from './operation.ts';
import { sameTable, type StampedRules } from './routing.ts';

/** What an agent keeps on disk. Promising and accepting mean: this has been written, and flushed, before the answer. */
export interface AgentRecord {
  readonly gateway: string;
  readonly domain: string;
  readonly joined: boolean;
  readonly promised: Stamp;
  readonly accepted: StampedRules;
}

export type Verdict =
  | { readonly kind: 'keep' } // nothing to change, same answer as the first time
  | { readonly kind: 'change'; readonly next: AgentRecord }
  | { readonly kind: 'refuse'; readonly because: string; readonly highest: Stamp };

/** A claim covers two epochs; its even one names it. */
export const claimOf = (epoch: number): number => epoch - (epoch % 2);

export const stampOf = ({ epoch, operation }: Stamp): Stamp => ({ epoch, operation });

const highestOf = ({ promised, accepted }: AgentRecord): Stamp =>
  stampOf(accepted.epoch > promised.epoch ? accepted : promised);

const refuse = (record: AgentRecord, because: string): Verdict => ({
  kind: 'refuse',
  because,
  highest: highestOf(record),
});

const notJoined = (record: AgentRecord): Verdict =>
  refuse(record, `gateway ${record.gateway} has no state yet: it waits until it has heard from every peer`);

/** Promise: from now on nothing under a lower claim, and nothing of another operation under this one. */
export function judgePromise(record: AgentRecord, request: Stamp): Verdict {
  if (!record.joined) return notJoined(record);
  const verdict = judgeStamp(record.promised, request.epoch, request.operation);
  if (verdict.kind === 'ours') return { kind: 'keep' };
  if (verdict.kind === 'stale') return refuse(record, verdict.reason);
  return { kind: 'change', next: { ...record, promised: stampOf(request) } };
}

/** Accept rules from the orchestrator: only under the promise made to it. */
export function judgeRules(record: AgentRecord, rules: StampedRules): Verdict {
  if (!record.joined) return notJoined(record);
  const verdict = judgeStamp(record.promised, claimOf(rules.epoch), rules.operation);
  if (verdict.kind === 'stale') return refuse(record, verdict.reason);
  if (verdict.kind === 'newer') {
    return refuse(
      record,
      `epoch ${rules.epoch} of operation ${rules.operation} refused: nothing was promised to it, the promise is for epoch ${record.promised.epoch}${record.promised.operation === '' ? '' : ` of operation ${record.promised.operation}`}`,
    );
  }
  return judgeNewer(record, rules);
}

/**
 * Accept what a peer has accepted (anti-entropy): the orchestrator's own message by another way, so the promise
 * binds here as well.
 */
export function judgeCatchUp(record: AgentRecord, peer: StampedRules): Verdict {
  if (!record.joined || peer.epoch === 0) return { kind: 'keep' };
  const claim = claimOf(peer.epoch);
  const verdict = judgeStamp(record.promised, claim, peer.operation);
  if (verdict.kind === 'stale') return { kind: 'keep' };
  const judged = judgeNewer(record, peer);
  if (judged.kind !== 'change') return { kind: 'keep' };
  const promised = verdict.kind === 'newer' ? { epoch: claim, operation: peer.operation } : record.promised;
  return { kind: 'change', next: { ...judged.next, promised } };
}

function judgeNewer(record: AgentRecord, rules: StampedRules): Verdict {
  const { accepted } = record;
  const change: Verdict = { kind: 'change', next: { ...record, accepted: rules } };
  if (rules.epoch > accepted.epoch) return change;
  if (rules.epoch < accepted.epoch) {
    return refuse(
      record,
      `epoch ${rules.epoch} of operation ${rules.operation} refused: the rules of epoch ${accepted.epoch} are in force`,
    );
  }
  if (rules.digest === accepted.digest) return { kind: 'keep' };
  if (rules.operation === accepted.operation && isShrunk(accepted, rules)) return change;
  return refuse(
    record,
    `epoch ${rules.epoch} of operation ${rules.operation} refused: other rules are in force under the same epoch (digest ${accepted.digest.slice(0, 12)}, offered ${rules.digest.slice(0, 12)})`,
  );
}

/** The one change allowed within an epoch: the same table, after the operator has taken gateways out. */
const isShrunk = (from: StampedRules, to: StampedRules): boolean =>
  to.members.length < from.members.length &&
  to.members.every((member) => from.members.includes(member)) &&
  sameTable(from.table, to.table);

/** A peer's answer to the question before a renewal. */
export interface PeerView {
  readonly gateway: string;
  readonly joined: boolean;
  readonly promised: Stamp;
  readonly accepted: StampedRules;
}

/**
 * May this gateway renew its leases after this round of questions? Only while a majority of the members answers and
 * nobody who answered has accepted rules that this gateway has not. Whatever a majority accepts from now on is
 * therefore seen in the next round, or no majority is.
 */
export function judgeRenewal(
  record: AgentRecord,
  answers: readonly PeerView[],
): { readonly renew: true } | { readonly renew: false; readonly because: string } {
  const { accepted, gateway } = record;
  const no = (because: string) => ({ renew: false, because }) as const;
  if (!record.joined) return no('it has no state yet and waits until it has heard from every peer');
  if (accepted.epoch === 0) return no('it has no rules yet');
  if (!accepted.members.includes(gateway))
    return no(`it was taken out of the members at epoch ${accepted.epoch}`);
  const heard = answers.filter((answer) => answer.joined && accepted.members.includes(answer.gateway));
  const ahead = heard.find((answer) => isAhead(answer.accepted, accepted));
  if (ahead !== undefined) {
    return no(
      `${ahead.gateway} holds rules of epoch ${ahead.accepted.epoch}, here are those of ${accepted.epoch}`,
    );
  }
  const needed = majorityOf(accepted.members.length);
  const missing = accepted.members.filter(
    (member) => member !== gateway && !heard.some((answer) => answer.gateway === member),
  );
  if (heard.length + 1 >= needed) return { renew: true };
  return no(
    `it reaches ${heard.length + 1} of ${accepted.members.length} gateways, itself included, and needs ${needed} (no answer from ${missing.join(', ')})`,
  );
}

/** Higher, or of the same epoch and not merely the larger membership that ours has left behind. */
const isAhead = (theirs: StampedRules, ours: StampedRules): boolean =>
  theirs.epoch > ours.epoch ||
  (theirs.epoch === ours.epoch && theirs.digest !== ours.digest && !isShrunk(theirs, ours));

/**
 * A gateway without state may have promised and accepted before it lost its disk, so a majority is not enough: it
 * asks every peer, takes over the highest of what they hold, and only then takes part again.
 * @param initial rules for a domain in which nobody has any yet
 */
export function judgeJoin(
  record: AgentRecord,
  peers: readonly string[],
  answers: readonly PeerView[],
  initial: StampedRules | undefined,
): { readonly next: AgentRecord } | { readonly missing: readonly string[] } {
  const missing = peers.filter((peer) => !answers.some((answer) => answer.gateway === peer));
  if (missing.length > 0) return { missing };
  const promised = [record.promised, ...answers.map((answer) => answer.promised)].reduce((a, b) =>
    b.epoch > a.epoch ? b : a,
  );
  const accepted = [record.accepted, ...answers.map((answer) => answer.accepted)].reduce((a, b) =>
    isAhead(b, a) ? b : a,
  );
  if (accepted.epoch > 0 || promised.epoch > 0 || initial === undefined) {
    return { next: { ...record, joined: true, promised: stampOf(promised), accepted } };
  }
  return { next: { ...record, joined: true, accepted: initial } };
}
