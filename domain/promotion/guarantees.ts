import type { DatabaseCluster } from '../schema/inventory.ts';
import { isReached, type NodeFacts } from './facts.ts';
import { sourceOf } from './find-primary.ts';
import { newestOpening } from './interrupted.ts';

/** Whether every acknowledgement that the lost primary could get needed one of the survivors that we have cut off. */
export interface Revocation {
  /** Nodes that may have acknowledged: all but the old primary itself. */
  readonly possibleAckers: number;
  /** Those of them that are reached and receive nothing more from the old primary. */
  readonly revoked: number;
  /** possibleAckers - ackers + 1: with that many revoked, nobody else can complete an acknowledgement. */
  readonly needed: number;
  readonly complete: boolean;
}

export function revocation(
  cluster: DatabaseCluster,
  primary: string,
  nodes: readonly NodeFacts[],
): Revocation {
  // Every other node may have acknowledged, whatever its settings say now: a restart forgets them.
  const others = nodes.filter((node) => node.name !== primary);
  const revoked = others
    .filter(isReached)
    .filter(
      (node) =>
        sourceOf(node, nodes, cluster.nodes) !== primary ||
        node.server.channels.every((channel) => channel.receiver === 'off'),
    ).length;
  const possibleAckers = others.length;
  const needed = Math.max(1, possibleAckers - cluster.ackers + 1);
  return { possibleAckers, revoked, needed, complete: revoked >= needed };
}

export type FenceVerdict =
  | { readonly kind: 'proven'; readonly by: string }
  | { readonly kind: 'accepted'; readonly by: string }
  | { readonly kind: 'unproven'; readonly reasons: readonly string[] };

export interface FenceEvidence {
  readonly primary: string;
  readonly durability: DatabaseCluster['durability'];
  readonly frozen: boolean;
  readonly revocation: Revocation;
  /** The operator's recorded answer `acceptUnfenced`. */
  readonly acceptUnfenced?: string;
}

/** Nobody is opened before the old primary is known to be unable to acknowledge a write. */
export function judgeFence(evidence: FenceEvidence): FenceVerdict {
  const { primary, durability, frozen, revocation: cut, acceptUnfenced } = evidence;
  if (frozen) return { kind: 'proven', by: `${primary} is frozen` };
  if (durability === 'semisync' && cut.complete)
    return {
      kind: 'proven',
      by: `${primary} cannot acknowledge: semi-sync without fallback, and ${cut.revoked} of ${cut.possibleAckers} possible acknowledgers receive nothing from it (${cut.needed} needed)`,
    };
  if (acceptUnfenced !== undefined)
    return { kind: 'accepted', by: `the operator vouches that ${primary} is off: ${acceptUnfenced}` };
  const why =
    durability === 'semisync'
      ? `only ${cut.revoked} of ${cut.possibleAckers} possible acknowledgers are cut off from it, ${cut.needed} needed`
      : 'the cluster is asynchronous, so it may acknowledge writes as long as it runs';
  return {
    kind: 'unproven',
    reasons: [
      `${primary} is not reachable and not proven to be fenced: ${why}; switch it off and answer acceptUnfenced`,
    ],
  };
}

/** What can have been acknowledged and is not on the new primary. */
export type LossStatement =
  | { readonly kind: 'none'; readonly because: string }
  | { readonly kind: 'at most'; readonly transactions: number; readonly because: string }
  | { readonly kind: 'unknown'; readonly because: string };

export interface LossEvidence {
  readonly primary: string;
  readonly durability: DatabaseCluster['durability'];
  readonly revocation: Revocation;
  /** Transactions up to the old primary's own last position that the new one lacks, where that position was read. */
  readonly behindPrimary?: number;
  /** Transactions that some survivor received and the new primary lacks (a loss accepted by the operator). */
  readonly behindSurvivors: number;
}

export function judgeLoss(evidence: LossEvidence): LossStatement {
  const { primary, durability, revocation: cut, behindPrimary, behindSurvivors } = evidence;
  if (behindPrimary !== undefined) {
    return behindPrimary === 0
      ? { kind: 'none', because: `the new primary holds everything that ${primary} had when it was frozen` }
      : {
          kind: 'at most',
          transactions: behindPrimary,
          because: `${primary} was frozen ${behindPrimary} transaction(s) further`,
        };
  }
  if (durability === 'semisync' && cut.complete) {
    const how = `semi-sync was in force by the inventory, and ${cut.revoked} of ${cut.possibleAckers} possible acknowledgers were asked (${cut.needed} needed)`;
    return behindSurvivors === 0
      ? { kind: 'none', because: `by construction: ${how}` }
      : {
          kind: 'at most',
          transactions: behindSurvivors,
          because: `${how}; ${behindSurvivors} received transaction(s) could not be brought over`,
        };
  }
  return {
    kind: 'unknown',
    because:
      durability === 'semisync'
        ? `${cut.revoked} of ${cut.possibleAckers} possible acknowledgers could be asked, ${cut.needed} needed`
        : `the cluster is asynchronous and ${primary} cannot be asked`,
  };
}

export const describeLoss = (loss: LossStatement): string =>
  loss.kind === 'none'
    ? `no acknowledged transaction is lost: ${loss.because}`
    : loss.kind === 'at most'
      ? `at most ${loss.transactions} transaction(s) are lost: ${loss.because}`
      : `the loss is unknown: ${loss.because}`;

/** undefined: may go on. Otherwise what a person must accept first. */
export function lossObjection(
  loss: LossStatement,
  acceptable: number,
  acceptLoss: string | undefined,
): string | undefined {
  if (loss.kind === 'none' || acceptLoss !== undefined) return undefined;
  if (loss.kind === 'at most' && loss.transactions <= acceptable) return undefined;
  return `${describeLoss(loss)}; acceptable without a decision: ${acceptable}; answer acceptLoss to go on`;
}

/**
 * What an acknowledgement of this primary was worth: the inventory's word, unless the journal says that it was opened
 * without anybody who could acknowledge.
 */
export function durabilityOf(
  { durability }: DatabaseCluster,
  primary: string,
  nodes: readonly NodeFacts[],
): DatabaseCluster['durability'] {
  const row = newestOpening(nodes);
  return row?.primary === primary && row.durability === 'alone' ? 'async' : durability;
}

/** How many could acknowledge to whoever is promoted: all that answer, but itself and the old primary. */
export const remainingAckers = (primary: string, nodes: readonly NodeFacts[]): number =>
  Math.max(0, nodes.filter(isReached).filter((node) => node.name !== primary).length - 1);

/** undefined: may go on. Otherwise why a promotion would only lead to a primary whose writes hang. */
export function aloneObjection(
  { durability, ackers }: DatabaseCluster,
  primary: string,
  nodes: readonly NodeFacts[],
  acceptAlone: string | undefined,
): string | undefined {
  const left = remainingAckers(primary, nodes);
  if (durability !== 'semisync' || left >= ackers || acceptAlone !== undefined) return undefined;
  const silent = nodes.filter((node) => !isReached(node) && node.name !== primary);
  const why =
    silent.map((node) => (isReached(node) ? '' : node.because)).join('; ') || 'there are no more replicas';
  return `after the promotion ${left} of ${ackers} needed replica(s) could acknowledge, so every write would hang: ${why}; bring one back, or answer acceptAlone: the new primary is opened with semi-sync off`;
}
