import { z } from 'zod';
import type { StepKindName } from '../step-kinds.ts';
import { name, probe } from './inventory.ts';
import { kubernetesStepWith } from './kubernetes-step-with.ts';

const names = z.array(name).min(1);
const to = name.describe('Target site.');
const milliseconds = z.int().min(1).max(86_400_000);

const homeAt = z.strictObject({ homeAt: name.describe('Site whose own buckets or databases come home.') });
const units = z
  .union([z.strictObject({ at: name.describe('Site that the buckets leave.') }), homeAt, names])
  .describe(
    'Buckets that move: all that are served at a site, all whose home is there, or those of listed units.',
  );
const databases = z
  .union([
    z.strictObject({ primaryAt: name.describe('Site in which the primary was observed.') }),
    homeAt,
    names,
  ])
  .describe('Databases: all whose primary is observed in a site, all whose home is there, or a list.');
const datasources = z
  .union([
    z.strictObject({ primaryAt: name.describe('Site that the primaries leave.') }),
    homeAt,
    z.strictObject({ of: names.describe('Databases.') }),
    names,
  ])
  .describe('Datasources: of the databases that leave a site, of listed databases, or a list.');
const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** What a hook's effects are worth when the run is aborted. */
export const afterAbortChoices = ['undo', 'leave'] as const;

/** The `with` of each step kind as people write it in a runbook. */
export const stepWith = {
  fenceUnits: z.strictObject({ units, to }),
  promoteDatabase: z.strictObject({ databases, to }),
  pushDatasource: z.strictObject({ datasources, to }),
  openUnits: z.strictObject({ units, to }),
  verifyEndpoint: z.strictObject({
    units,
    to,
    request: probe.optional().describe("Default: the inventory's routing.probe."),
    users: z
      .int()
      .min(1)
      .max(1_000)
      .default(3)
      .describe('Users per unit that are tried through every gateway.'),
    timeoutMs: milliseconds.default(10_000),
  }),
  approve: z.strictObject({
    message: z.string().min(1).max(1_000),
    approvers: z.array(z.string().min(1)).default([]).describe("Default: the policy's approvers."),
    timeoutMs: milliseconds.optional().describe("Default: the policy's approvalTimeoutMs."),
  }),
  hold: z.strictObject({
    holdMs: milliseconds,
    // oxlint-disable-next-line unicorn/no-thenable -- a word of the runbook, never a function
    then: z.enum(['commit', 'roll back']).describe('What happens when nobody decides in time.'),
  }),
  callHook: z.strictObject({
    hook: name.describe('Name under `hooks` in the inventory.'),
    afterAbort: z
      .enum(afterAbortChoices)
      .optional()
      .describe(
        'undo: the hook is called again to undo. leave: what it did harms nothing. Required before a point of no return.',
      ),
    parameters: z.record(z.string().min(1).max(63), scalar).default({}),
  }),
  ...kubernetesStepWith,
} as const satisfies { readonly [kind in Exclude<StepKindName, 'claimEpoch'>]: z.ZodType };

/** Kinds that a runbook may use; claimEpoch is the compiler's. */
export type RunbookStepKind = keyof typeof stepWith;
export const runbookStepKinds = Object.keys(stepWith) as readonly RunbookStepKind[];

export type UnitSelector = z.infer<typeof units>;
export type DatabaseSelector = z.infer<typeof databases>;
export type DatasourceSelector = z.infer<typeof datasources>;
export type StepWith<Kind extends RunbookStepKind> = z.infer<(typeof stepWith)[Kind]>;
