import { condition } from '@temporalio/workflow';
import { approveKind } from '../domain/interpreter.ts';
import { abortRefusal, waitingStep } from '../domain/judge-command.ts';
import type { PlanStep } from '../domain/plan.ts';
import type { RunCommandName, RunCommands } from '../domain/run-commands.ts';
import type { RunState } from '../domain/run-state.ts';
import type { ApproveParameters, HoldParameters } from '../domain/step-parameters.ts';
import type { StepOutcome } from '../domain/step.ts';

interface Answer {
  readonly name: RunCommandName;
  readonly by: string;
  readonly reason: string;
}

const kindAnsweredBy: { readonly [Name in RunCommandName]?: string } = {
  approve: approveKind,
  decline: approveKind,
  commit: 'hold',
};

/** Steps that wait for a person instead of touching a target: `approve` and `hold`. */
export class Answers {
  private readonly given = new Map<string, Answer>();

  /** Forgets an earlier answer (a retried approve asks anew) and words what is waited for, and from whom. */
  ask(step: PlanStep): string {
    this.given.delete(step.id);
    if (step.kind === approveKind) {
      const { approvers, message, timeoutMs } = step.parameters as unknown as ApproveParameters;
      const whom = approvers.length === 0 ? 'somebody other than the requester' : approvers.join(' or ');
      return `${whom} to approve or decline within ${seconds(timeoutMs)}: ${message}`;
    }
    const { holdMs, then } = step.parameters as unknown as HoldParameters;
    return `an operator to commit or roll back; without an answer: ${then} after ${seconds(holdMs)}`;
  }

  give<Name extends RunCommandName>(state: RunState, name: Name, command: RunCommands[Name]): void {
    const kind = kindAnsweredBy[name];
    if (kind === undefined) return;
    const step = waitingStep(state, kind, 'step' in command ? command.step : undefined);
    if (typeof step === 'string') return;
    this.given.set(step.id, { name, by: command.by ?? 'not said', reason: command.reason ?? '' });
  }

  /** Waits for the answer, the time-out or an abort. A hold that nobody answered may end in a roll back. */
  async wait(step: PlanStep, current: () => RunState): Promise<StepOutcome | 'roll back'> {
    const isApproval = step.kind === approveKind;
    const parameters = step.parameters as unknown as ApproveParameters & HoldParameters;
    await condition(
      () => this.given.has(step.id) || current().aborting !== undefined,
      isApproval ? parameters.timeoutMs : parameters.holdMs,
      { summary: isApproval ? `Approval: ${step.title}` : `Hold: ${step.title}` },
    );
    const answer = this.given.get(step.id);
    if (answer !== undefined) return this.answered(answer);
    if (current().aborting !== undefined) return this.ended('refused', 'the run was aborted');
    if (isApproval) {
      return this.ended(
        'refused',
        `nobody approved within ${seconds(parameters.timeoutMs)}, which counts as a refusal`,
      );
    }
    if (parameters.then === 'commit') return this.ended('done', 'committed: the hold ran out');
    const refusal = abortRefusal(current());
    return refusal === undefined ? 'roll back' : this.ended('refused', `cannot roll back: ${refusal}`);
  }

  wouldAsk(step: PlanStep, sentence: string): StepOutcome {
    return { ...this.ended('planned', `would wait for ${sentence}`), details: [step.title] };
  }

  ended(status: StepOutcome['status'], summary: string): StepOutcome {
    return { status, summary, details: [], before: null, after: null, evidence: [], durationsMs: {} };
  }

  private answered({ name, by, reason }: Answer): StepOutcome {
    const because = reason === '' ? '' : `: ${reason}`;
    if (name === 'approve') return this.ended('done', `approved by ${by}${because}`);
    if (name === 'commit') return this.ended('done', `committed by ${by}${because}`);
    return this.ended('refused', `declined by ${by}${because}`);
  }
}

export const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;
