import {
  distributionOf,
  namesOf,
  percentile,
  type AcknowledgementTally,
  type TallyState,
} from '../domain/acknowledgement-tally.ts';
import type { Evidence } from '../domain/step.ts';
import type { PushInput } from './observe-push.ts';
import type { PushTarget } from './push-targets.ts';

export const acknowledgementsFact = 'acknowledgements';
export type CountedAcknowledgements = {
  /** Centers whose registry said who is alive. */
  readonly registries: readonly string[];
  readonly live: number;
  readonly acknowledged: number;
  /** Of the lost site; their registration has not run out yet. */
  readonly notWaitedFor: number;
  /** Silent or refusing, also those that are not waited for; at most 20 names. */
  readonly missing: readonly string[];
};

export function acknowledgementEvidence(
  push: {
    readonly input: PushInput;
    readonly required: readonly PushTarget[];
    readonly tally: AcknowledgementTally;
  },
  state: TallyState,
  publishedAt: number,
  knownMs: readonly number[],
): Evidence {
  const { tally, input, required } = push;
  const counted: CountedAcknowledgements = {
    registries: tally.registriesRead,
    live: state.live,
    acknowledged: state.acknowledged,
    notWaitedFor: state.excused.length,
    missing: [...state.missing, ...state.excused].sort().slice(0, 20),
  };
  const value = {
    ...counted,
    p50Ms: percentile(knownMs, 0.5),
    p99Ms: percentile(knownMs, 0.99),
    maxMs: percentile(knownMs, 1),
    publishedAt,
    distribution: distributionOf(knownMs),
    viaRegistryOnly: tally.viaRegistry,
  };
  const collectors = Object.keys(input.parameters.collectors).join(', ') || 'none';
  const source = `collectors: ${collectors}; registry: ${required.map((one) => one.center).join(', ')}`;
  return { what: acknowledgementsFact, value, source };
}

export const missingText = ({ missing, refused }: TallyState): string =>
  namesOf(missing.map((consumer) => `${consumer} (${refused.get(consumer) ?? 'silent'})`));

export const unknownText = ({ unread }: TallyState): string =>
  `${unread.length === 0 ? 'no registry says' : `the registry of ${unread.join(' and ')} does not say`} who is alive`;
