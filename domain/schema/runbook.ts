import { z } from 'zod';
import type { Json } from '../json.ts';
import { styles } from '../step.ts';
import { name } from './inventory.ts';
import { stepWith } from './step-with.ts';
import type { RunbookStepKind } from './step-with.ts';

export const parameterTypes = ['site', 'string', 'number', 'boolean'] as const;

export const parameterName = /^[a-z][A-Za-z0-9]{0,31}$/;

const parameter = z
  .strictObject({
    type: z.enum(parameterTypes),
    description: z.string().optional(),
    required: z.boolean().default(false),
    default: z.union([z.string(), z.number(), z.boolean()]).optional(),
  })
  .describe('A parameter; `${name}` in a step stands for its value.');

/** Ids become `id/target` in the plan and appear in commands: short, one word. */
const stepId = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,39}$/,
    'a step id of lower-case letters, digits and dashes, at most 40 characters',
  );

const common = {
  id: stepId,
  needs: z.array(stepId).default([]).describe('Steps that must have finished before this one starts.'),
  needsWhenGraceful: z
    .array(stepId)
    .optional()
    .describe('Further ones in a run that starts graceful: what a planned move has the time to wait for.'),
  only: z.enum(styles).optional().describe('Left out of runs that start in the other style.'),
  style: z.enum(styles).optional().describe("Fixes the step's style; otherwise the run's counts."),
  title: z.string().min(1).max(120).optional().describe('A sentence for the timeline.'),
};

const step = z.discriminatedUnion('uses', [
  z.strictObject({ ...common, uses: z.literal('fenceUnits'), with: stepWith.fenceUnits }),
  z.strictObject({ ...common, uses: z.literal('promoteDatabase'), with: stepWith.promoteDatabase }),
  z.strictObject({ ...common, uses: z.literal('pushDatasource'), with: stepWith.pushDatasource }),
  z.strictObject({ ...common, uses: z.literal('openUnits'), with: stepWith.openUnits }),
  z.strictObject({ ...common, uses: z.literal('verifyEndpoint'), with: stepWith.verifyEndpoint }),
  z.strictObject({ ...common, uses: z.literal('approve'), with: stepWith.approve }),
  z.strictObject({ ...common, uses: z.literal('hold'), with: stepWith.hold }),
  z.strictObject({ ...common, uses: z.literal('callHook'), with: stepWith.callHook }),
  z.strictObject({ ...common, uses: z.literal('scaleOutNodes'), with: stepWith.scaleOutNodes }),
  z.strictObject({ ...common, uses: z.literal('restoreBackup'), with: stepWith.restoreBackup }),
  z.strictObject({ ...common, uses: z.literal('applyManifests'), with: stepWith.applyManifests }),
  z.strictObject({ ...common, uses: z.literal('shiftMesh'), with: stepWith.shiftMesh }),
  z.strictObject({ ...common, uses: z.literal('captureManifests'), with: stepWith.captureManifests }),
  z.strictObject({ ...common, uses: z.literal('prepareStandby'), with: stepWith.prepareStandby }),
  z.strictObject({ ...common, uses: z.literal('rehearseKubernetes'), with: stepWith.rehearseKubernetes }),
]);

/** runbooks/<name>.yaml */
export const runbookSchema = z
  .strictObject({
    version: z.literal(1),
    name: name.describe('What people start: `siteshift run <name>`.'),
    description: z.string().min(1).max(500),
    parameters: z
      .record(z.string().regex(parameterName, 'a parameter name of letters and digits'), parameter)
      .default({}),
    steps: z.array(step).min(1).max(200),
  })
  .meta({
    title: 'siteshift runbook',
    description: 'Steps over the inventory, compiled to a plan before they run.',
  });

export type RunbookParameter = z.infer<typeof parameter>;

/** A step as it was written; `with` still holds its `${…}`. */
export interface RunbookStep {
  readonly id: string;
  readonly uses: RunbookStepKind;
  readonly with: Json;
  readonly needs: readonly string[];
  readonly needsWhenGraceful?: readonly string[];
  readonly only?: (typeof styles)[number];
  readonly style?: (typeof styles)[number];
  readonly title?: string;
}

export interface Runbook {
  readonly version: 1;
  readonly name: string;
  readonly description: string;
  readonly parameters: { readonly [name: string]: RunbookParameter };
  readonly steps: readonly RunbookStep[];
}
