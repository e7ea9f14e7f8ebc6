import { isReached, type ReachedNode } from './facts.ts';
import { sourceOf } from './find-primary.ts';
import type { ObservedPromotion, PromotionInput } from './observed-promotion.ts';

/** What an interrupted promotion left undone, in words; empty when all is so. */
export function unfinished(
  { nodes, compared }: ObservedPromotion,
  promoted: ReachedNode,
  { parameters }: PromotionInput,
): readonly string[] {
  const tail: string[] = promoted.server.writable ? [] : [`open ${promoted.name}, which the journal names`];
  for (const node of nodes.filter(isReached)) {
    if (node.name === promoted.name || isQuarantined(node.name, compared)) continue;
    if (node.server.writable) continue; // an old primary that could not be frozen: a person ends it
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
