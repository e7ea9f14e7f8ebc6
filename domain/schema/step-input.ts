import { z } from 'zod';
import { styles, stepModes, type StepInput } from '../step.ts';
import { name } from './inventory.ts';
import { stepParameters } from './step-parameters.ts';
import { knownKeys, sentencesOf } from './zod-problems.ts';

const sentence = z.string().min(1).max(1_000);
const json = z.json();

const envelope = z.strictObject({
  operation: z.strictObject({
    id: z.string().min(1).max(256),
    domain: name,
    epoch: z.int().min(0),
    reason: sentence,
    by: sentence,
  }),
  step: z.string().min(1).max(256),
  mode: z.enum(stepModes),
  style: z.enum(styles),
  snapshot: json.exactOptional(),
  overrides: z.record(z.string(), sentence).exactOptional(),
});

/** Strict for every kind: what is mistyped here would act in another way than its author meant, on real systems. */
function schemaOf(kind: string) {
  const parameters: z.ZodType = Object.hasOwn(stepParameters, kind)
    ? stepParameters[kind as keyof typeof stepParameters]
    : z.record(z.string(), json);
  return envelope.extend({ parameters });
}

export type ParsedStepInput =
  | { readonly ok: true; readonly input: StepInput }
  | { readonly ok: false; readonly problems: readonly string[] };

/** What a person gives to a single step without Temporal; defaults are those of the inventory. */
export function parseStepInput(kind: string, value: unknown): ParsedStepInput {
  const result = schemaOf(kind).safeParse(value, { error: knownKeys });
  if (result.success) return { ok: true, input: result.data as StepInput };
  return { ok: false, problems: sentencesOf(result.error.issues, value, 'input') };
}
