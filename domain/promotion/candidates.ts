import { isReached, type NodeFacts, type ReachedNode } from './facts.ts';
import { sourceOf } from './find-primary.ts';
import { followStatements } from './left-to-do.ts';
import { ownRow, type ObservedPromotion, type PromotionInput } from './observed-promotion.ts';

/** Nodes that answer in the wanted site and may be promoted at all. */
export function candidatesOf(
  nodes: readonly NodeFacts[],
  { parameters }: Pick<PromotionInput, 'parameters'>,
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

export function whyNoCandidate(
  nodes: readonly NodeFacts[],
  { parameters }: PromotionInput,
): readonly string[] {
  return nodes
    .filter((node) => node.site === parameters.toSite)
    .map((node) =>
      isReached(node)
        ? `${node.name}: ${node.name === parameters.primary ? 'is the primary that is to be left' : 'is marked neverPromote'}`
        : `${node.name}: ${node.because}`,
    );
}

/** The standby that a planned promotion takes: nothing speaks against it, and it is the least behind. */
export function chooseCandidate(
  observed: ObservedPromotion,
  input: PromotionInput,
  resuming: boolean,
): string | undefined {
  const { primary } = input.parameters;
  return bestOf(
    candidatesOf(observed.nodes, input).map((node) =>
      judgeCandidate(observed, node, primary, input, resuming),
    ),
  )?.name;
}

/** After an interrupted attempt the one that it chose comes first. */
export const bestOf = (verdicts: readonly CandidateVerdict[]): CandidateVerdict | undefined =>
  verdicts
    .filter((one) => one.objection === undefined)
    .sort(
      (a, b) => Number(b.chosen) - Number(a.chosen) || a.behind - b.behind || (a.name < b.name ? -1 : 1),
    )[0];

export interface CandidateVerdict {
  readonly name: string;
  readonly behind: number;
  /** By an interrupted attempt, which may have taken it out of replication. */
  readonly chosen: boolean;
  readonly objection?: string;
}

export function judgeCandidate(
  observed: ObservedPromotion,
  node: ReachedNode,
  primary: string,
  input: PromotionInput,
  resuming: boolean,
): CandidateVerdict {
  const { name, server } = node;
  const compared = observed.compared[name] ?? { behind: 0, errant: '' };
  const [channel] = server.channels;
  const chosen = resuming && ownRow(observed.nodes, input, 'intended')?.primary === name;
  const fine: CandidateVerdict = { name, behind: compared.behind, chosen };
  const objection = (text: string): CandidateVerdict => ({
    ...fine,
    objection: `${name}: ${text}`,
  });
  if (compared.errant !== '')
    return objection(
      `it holds transactions that ${primary} never had (${compared.errant}): promoting it would make them everybody's; rebuild it, or remove them`,
    );
  if (channel === undefined)
    return resuming
      ? fine
      : objection(`it does not replicate; attach it: ${followStatements(input.parameters.cluster, primary)}`);
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

/** The standby that a forced promotion tries first where the old primary still answers. */
export function pickSound(observed: ObservedPromotion, input: PromotionInput): string | undefined {
  const behind = (name: string) => observed.compared[name]?.behind ?? 0;
  return candidatesOf(observed.nodes, input)
    .filter(
      ({ name, server }) =>
        (observed.compared[name]?.errant ?? '') === '' &&
        server.channels.every((channel) => channel.applierErrno === 0),
    )
    .toSorted((a, b) => behind(a.name) - behind(b.name) || (a.name < b.name ? -1 : 1))[0]?.name;
}
