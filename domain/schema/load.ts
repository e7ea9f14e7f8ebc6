import { createHash } from 'node:crypto';
import type { z } from 'zod';
import type { Json } from '../json.ts';
import { checkInventory } from './check-inventory.ts';
import { checkRunbook } from './check-runbook.ts';
import { inventorySchema } from './inventory.ts';
import type { Inventory } from './inventory.ts';
import { placeholdersIn, substitute } from './placeholders.ts';
import { inFileOrder } from './problem.ts';
import type { Locate, Problem } from './problem.ts';
import { runbookSchema } from './runbook.ts';
import type { Runbook } from './runbook.ts';
import { soundPart } from './sound-part.ts';
import { readYaml } from './yaml-source.ts';
import { knownKeys, problemsOf } from './zod-problems.ts';

/** A file that passed every check; `locate` finds the line of a value for problems that show up later. */
export interface Loaded<Value> {
  readonly ok: true;
  readonly value: Value;
  readonly file: string;
  /** SHA-256 (hex) of the text. */
  readonly digest: string;
  readonly locate: Locate;
}

export interface NotLoaded {
  readonly ok: false;
  /** All of them, in file order. */
  readonly problems: readonly Problem[];
}

/** siteshift.yaml: text or bytes, and the name that problems are reported under. */
export function loadInventory(input: string | Uint8Array, file: string): Loaded<Inventory> | NotLoaded {
  const yaml = readYaml(input, file);
  if (!yaml.ok) return yaml;
  const { data, locate, text } = yaml.source;
  const parsed = inventorySchema.safeParse(data, { error: knownKeys });
  if (!parsed.success) {
    const { issues } = parsed.error;
    const sound = soundPart(data, issues);
    const rest = inventorySchema.safeParse(sound?.rest);
    const others = rest.success ? checkInventory(rest.data, file, locate, sound?.broken) : [];
    return { ok: false, problems: inFileOrder([...problemsOf(issues, data, file, locate), ...others]) };
  }
  const problems = checkInventory(parsed.data, file, locate);
  if (problems.length > 0) return { ok: false, problems: inFileOrder(problems) };
  return { ok: true, value: parsed.data, file, digest: sha256(text), locate };
}

/** runbooks/<name>.yaml, checked as far as that is possible without an inventory. */
export function loadRunbook(input: string | Uint8Array, file: string): Loaded<Runbook> | NotLoaded {
  const yaml = readYaml(input, file);
  if (!yaml.ok) return yaml;
  const { data, locate, text } = yaml.source;
  const parsed = runbookSchema.safeParse(withSamples(data), { error: knownKeys });
  const issues = parsed.success ? [] : parsed.error.issues.filter((issue) => !isAboutSample(issue, data));
  if (issues.length > 0) return { ok: false, problems: inFileOrder(problemsOf(issues, data, file, locate)) };
  const runbook = asWritten(data);
  const problems = checkRunbook(runbook, file, locate);
  if (problems.length > 0) return { ok: false, problems: inFileOrder(problems) };
  return { ok: true, value: runbook, file, digest: sha256(text), locate };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const isRecord = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** The runbook as if each parameter had some value of its type: so the shape of a step is checked before it runs. */
function withSamples(data: unknown): unknown {
  if (!isRecord(data) || !Array.isArray(data['steps'])) return data;
  const parameters = isRecord(data['parameters']) ? data['parameters'] : {};
  const sampleOf = (name: string): Json => {
    const parameter = parameters[name];
    const type = isRecord(parameter) ? parameter['type'] : undefined;
    return type === 'number' ? 1 : type === 'boolean' ? true : 'sample';
  };
  const steps = data['steps'].map((step: unknown) =>
    isRecord(step) && step['with'] !== undefined
      ? { ...step, with: substitute(step['with'] as Json, sampleOf) }
      : step,
  );
  return { ...data, steps };
}

/** A sample may break a limit that the real value keeps; only its type says something. */
function isAboutSample(issue: z.core.$ZodIssue, data: unknown): boolean {
  if (issue.code === 'invalid_type' || issue.code === 'invalid_union') return false;
  let value = data;
  for (const part of issue.path)
    value = isRecord(value) || Array.isArray(value) ? Reflect.get(value, part) : undefined;
  return typeof value === 'string' && placeholdersIn(value).length > 0;
}

/** Defaults filled in, `with` left as it was written. */
function asWritten(data: unknown): Runbook {
  const { steps, parameters, ...rest } = data as Runbook;
  return {
    ...rest,
    parameters: runbookSchema.shape.parameters.parse(parameters),
    steps: steps.map((step) => ({ ...step, needs: step.needs ?? [] })),
  };
}
