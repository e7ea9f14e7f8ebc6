import type { Style } from './step.ts';

/**
 * What operators send as Updates: each takes ONE object, because the UI sends exactly one payload. `by` is who says
 * so (Temporal tells workflows nothing about the caller), `reason` is kept in the record and in the report.
 */
export interface ApproveCommand {
  /** The digest of the plan as the status shows it, or its first 12 or more characters. */
  readonly planDigest: string;
  readonly by: string;
  readonly reason?: string;
  /** The approve step meant; may be left out while only one waits. */
  readonly step?: string;
}
export interface DeclineCommand {
  readonly by: string;
  readonly reason: string;
  readonly step?: string;
}
export interface RetryCommand {
  readonly step: string;
  readonly by?: string;
  readonly reason?: string;
}
export interface SkipCommand {
  readonly step: string;
  readonly by: string;
  readonly reason: string;
}
export type ForceCommand = SkipCommand;
export interface AcceptCommand extends SkipCommand {
  /** What the refusal asked for, e.g. `acceptLoss`, `acceptUnfenced`, `removedGateways`. */
  readonly override: string;
  /** Where the override carries more than a yes (gateway names, a number): kept as text; default the reason. */
  readonly value?: string;
}
export interface AbortCommand {
  readonly by: string;
  readonly reason: string;
}
export interface SetStyleCommand extends AbortCommand {
  readonly style: Style;
  /** The one step meant, whatever the runbook fixes for it; otherwise all that are still to start. */
  readonly step?: string;
}
export interface CommitCommand {
  readonly by: string;
  readonly reason?: string;
  /** The hold step meant; may be left out while only one holds. */
  readonly step?: string;
}
export interface RollBackCommand extends AbortCommand {
  readonly step?: string;
}

/** Update name → its one argument. */
export interface RunCommands {
  readonly approve: ApproveCommand;
  readonly decline: DeclineCommand;
  readonly retry: RetryCommand;
  readonly skip: SkipCommand;
  readonly force: ForceCommand;
  readonly accept: AcceptCommand;
  readonly abort: AbortCommand;
  readonly setStyle: SetStyleCommand;
  readonly commit: CommitCommand;
  readonly rollBack: RollBackCommand;
}
export type RunCommandName = keyof RunCommands;

type FieldRule = 'required' | 'optional' | 'style';

/** Field → rule for each Update; the one list that the check, the docs and the descriptions rest on. */
export const commandFields: {
  readonly [Name in RunCommandName]: { readonly [Field in keyof Required<RunCommands[Name]>]: FieldRule };
} = {
  approve: { planDigest: 'required', by: 'required', reason: 'optional', step: 'optional' },
  decline: { by: 'required', reason: 'required', step: 'optional' },
  retry: { step: 'required', by: 'optional', reason: 'optional' },
  skip: { step: 'required', by: 'required', reason: 'required' },
  force: { step: 'required', by: 'required', reason: 'required' },
  accept: {
    step: 'required',
    override: 'required',
    by: 'required',
    reason: 'required',
    value: 'optional',
  },
  abort: { by: 'required', reason: 'required' },
  setStyle: { style: 'style', by: 'required', reason: 'required', step: 'optional' },
  commit: { by: 'required', reason: 'optional', step: 'optional' },
  rollBack: { by: 'required', reason: 'required', step: 'optional' },
};

export const commandNames = Object.keys(commandFields) as readonly RunCommandName[];

/** Every problem of an Update's argument at once; an empty list means that it is of the named type. */
export function commandProblems(name: RunCommandName, value: unknown): readonly string[] {
  const fields: { readonly [field: string]: FieldRule } = commandFields[name];
  const shape = Object.entries(fields)
    .map(([field, rule]) => (rule === 'optional' ? `${field}?` : field))
    .join(', ');
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [`${name} takes one JSON object {${shape}}; seen ${seen(value)}`];
  }
  const members = value as { readonly [field: string]: unknown };
  const unknown = Object.keys(members)
    .filter((field) => !(field in fields))
    .map((field) => `${name}: unknown field ${JSON.stringify(field)}; expected {${shape}}`);
  return [
    ...unknown,
    ...Object.entries(fields).flatMap(([field, rule]) => fieldProblem(name, field, rule, members[field])),
  ];
}

function fieldProblem(name: string, field: string, rule: FieldRule, value: unknown): readonly string[] {
  if (rule === 'optional' && value === undefined) return [];
  if (rule === 'style') {
    return value === 'graceful' || value === 'forced'
      ? []
      : [`${name}: style must be graceful or forced; seen ${seen(value)}`];
  }
  if (typeof value === 'string' && value.trim() !== '' && value.length <= 1_000) return [];
  return [`${name}: ${field} must be a text of 1 to 1000 characters; seen ${seen(value)}`];
}

function seen(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
