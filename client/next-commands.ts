import type { RunRecord, StepRecord } from '../domain/run.ts';

/** Something a run waits for, and the exact commands that answer it. */
export interface Question {
  readonly step?: string;
  readonly waitsFor: string;
  readonly commands: readonly string[];
}

const because = '--reason "…"';

/** Every question that a run asks a person now; empty when it does not wait for anybody. */
export function questionsOf(record: RunRecord): readonly Question[] {
  const { id } = record.operation;
  if (record.phase === 'closed') return [];
  const asked = record.steps.flatMap((step) => questionOf(step, record));
  if (record.phase !== 'awaiting-approval' || asked.some((question) => question.step !== undefined))
    return asked;
  return [
    {
      waitsFor: 'an approval of this plan',
      commands: [approveCommand(record), `siteshift decline ${id} ${because}`],
    },
  ];
}

function questionOf(step: StepRecord, record: RunRecord): readonly Question[] {
  const { id } = record.operation;
  const waitsFor = step.waitingFor ?? step.title;
  if (
    step.state === 'parked' ||
    (step.undo !== undefined && record.phase === 'parked' && step.waitingFor !== undefined)
  )
    return [{ step: step.id, waitsFor, commands: parkedCommands(step, id) }];
  if (step.state !== 'running') return [];
  if (step.kind === 'approve')
    return [
      {
        step: step.id,
        waitsFor,
        commands: [
          `${approveCommand(record)} --step ${step.id}`,
          `siteshift decline ${id} --step ${step.id} ${because}`,
        ],
      },
    ];
  if (step.kind === 'hold')
    return [
      {
        step: step.id,
        waitsFor,
        commands: [
          `siteshift commit ${id} --step ${step.id}`,
          `siteshift roll-back ${id} --step ${step.id} ${because}`,
        ],
      },
    ];
  return [];
}

const approveCommand = ({ operation, planDigest }: RunRecord): string =>
  `siteshift approve ${operation.id} --digest ${planDigest?.slice(0, 12) ?? ''}`;

/** Overrides are named in the refusal itself; force helps where the kind has a forced way. */
function parkedCommands({ id: step, outcome }: StepRecord, run: string): readonly string[] {
  const words = [outcome?.summary ?? '', ...(outcome?.details ?? [])].join(' ');
  const overrides = [...new Set(words.match(/\b(?:accept[A-Z][A-Za-z]*|removedGateways)\b/g) ?? [])];
  return [
    `siteshift retry ${run} ${step}`,
    ...overrides.map((override) => `siteshift accept ${run} ${step} ${override} ${because}`),
    `siteshift force ${run} ${step} ${because}`,
    `siteshift skip ${run} ${step} ${because}`,
    `siteshift abort ${run} ${because}`,
  ];
}
