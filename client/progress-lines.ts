import { durationText, offsetText } from '../domain/report/format.ts';
import type { RunRecord, StepRecord } from '../domain/run.ts';
import { questionsOf } from './next-commands.ts';

/** What happened between two looks at a run, one line each; pure, so that progress can be tested without a run. */
export function progressLines(
  before: RunRecord | undefined,
  now: RunRecord,
  time: number,
): readonly string[] {
  const stepLines = now.steps.flatMap((step) => {
    const last = before?.steps.find((other) => other.id === step.id);
    return isNews(last, step) ? [stepLine(step, now.startedAt, time)] : [];
  });
  const told = new Set(before === undefined ? [] : questionsOf(before).map(questionKey));
  const questions = questionsOf(now).filter((question) => !told.has(questionKey(question)));
  const phaseLines =
    before?.phase === now.phase ? [] : [`${offsetText(time, now.startedAt).padEnd(10)} ${now.phase}`];
  return [
    // A run is closed after its last steps, and told so after them.
    ...(now.phase === 'closed' ? [...stepLines, ...phaseLines] : [...phaseLines, ...stepLines]),
    ...questions.flatMap(({ step, waitsFor, commands }) => [
      `${' '.repeat(10)} ? ${step === undefined ? '' : `${step}: `}waits for ${waitsFor}`,
      ...commands.map((command) => `${' '.repeat(14)}${command}`),
    ]),
  ];
}

const questionKey = ({ step, waitsFor }: { step?: string; waitsFor: string }): string =>
  `${step}: ${waitsFor}`;

const isNews = (last: StepRecord | undefined, step: StepRecord): boolean =>
  step.state !== 'waiting' &&
  (last?.state !== step.state || last.attempts !== step.attempts || last.endedAt !== step.endedAt);

function stepLine(step: StepRecord, start: number, time: number): string {
  const isOver = step.state === 'finished' || step.state === 'parked' || step.state === 'undone';
  const at = offsetText(isOver ? (step.endedAt ?? time) : (step.startedAt ?? time), start).padEnd(10);
  const status = isOver
    ? step.state === 'parked'
      ? 'parked'
      : (step.outcome?.status ?? step.state)
    : step.state;
  const took =
    isOver && step.startedAt !== undefined && step.endedAt !== undefined
      ? ` (${durationText(step.endedAt - step.startedAt)})`
      : '';
  const words = isOver ? (step.undo?.summary ?? step.outcome?.summary ?? step.title) : step.title;
  return `${at} ${status.padEnd(9)} ${step.id}: ${words}${took}`;
}
