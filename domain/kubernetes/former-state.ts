import type { Json } from '../json.ts';
import type { Stamp } from '../operation.ts';
import type { StepInput } from '../step.ts';
import { sha256 } from './marks.ts';

/** Whose state before the change is kept: one record a step and target, which a later operation writes anew. */
export type FormerOwner = Pick<StepInput, 'operation' | 'step'> & {
  /** Kind and target, e.g. `shiftMesh cart.example`: ids of steps run by hand may be equal. */
  readonly what: string;
};

/** How a cluster keeps the state before a step's change: the data of a ConfigMap. */
export type FormerRecord = Readonly<Record<string, string>>;

/** Name of the record; ids of steps hold what a name may not. */
export const formerName = ({ operation, step, what }: FormerOwner): string =>
  `former-${sha256([operation.domain, step, what].join('\n')).slice(0, 16)}`;

export const formerRecord = ({ operation, step, what }: FormerOwner, state: Json): FormerRecord => ({
  domain: operation.domain,
  step,
  what,
  epoch: String(operation.epoch),
  operation: operation.id,
  state: JSON.stringify(state),
});

/** Under which operation a record was written; undefined where it cannot be read. */
export function stampOfFormer(record: FormerRecord | undefined): Stamp | undefined {
  const { epoch, operation } = record ?? {};
  if (epoch === undefined || operation === undefined || !/^\d+$/.test(epoch)) return undefined;
  return { epoch: Number(epoch), operation };
}

/** The state that this very operation kept; what an earlier one kept is of no use to it. */
export function formerIn(
  record: FormerRecord | undefined,
  { operation, step }: FormerOwner,
): Json | undefined {
  const stamp = stampOfFormer(record);
  if (stamp?.epoch !== operation.epoch || stamp.operation !== operation.id || record?.['step'] !== step)
    return undefined;
  try {
    return JSON.parse(record?.['state'] ?? '') as Json;
  } catch {
    return undefined;
  }
}
