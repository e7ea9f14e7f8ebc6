import { CancellationScope, condition, log } from '@temporalio/workflow';
import { applyCommand } from '../domain/apply-command.ts';
import {
  approveKind,
  holdKind,
  isSettled,
  nextUndo,
  phaseOf,
  readySteps,
  recordOf,
  runOutcomeOf,
  undoEnded,
  undoStarted,
  type RunFacts,
} from '../domain/interpreter.ts';
import { abortRefusal } from '../domain/judge-command.ts';
import type { PlanStep } from '../domain/plan.ts';
import type { RunCommandName, RunCommands } from '../domain/run-commands.ts';
import type { RunOutcome, RunPhase, RunRecord } from '../domain/run.ts';
import {
  progressOf,
  skippedOutcome,
  stepEnded,
  stepStarted,
  styleOf,
  type RunState,
} from '../domain/run-state.ts';
import type { StepInput, StepMode, StepOutcome } from '../domain/step.ts';
import { Answers } from './answers.ts';
import { callStep, type CallPurpose } from './step-call.ts';

/** Who is told how a run goes on. */
export interface Onlooker {
  /** At each change, in their order: search attributes are commands, and their order is part of the history. */
  phase(phase: RunPhase, outcome: RunOutcome | undefined): void;
  /** Once everything that can go on does: a record is as long as the plan, and people see no more than the last one. */
  record(record: RunRecord): void;
}

/**
 * Carries a plan out. Which step may start, what a command does and what is to be undone is decided by domain/; this
 * class only calls activities, waits, and keeps the one mutable reference to the state.
 */
export class PlanRun {
  private state: RunState;
  private revision = 0;
  private endedAt: number | undefined;
  private readonly facts: RunFacts;
  private readonly answers = new Answers();
  private readonly onlooker: Onlooker;
  /** Running steps; an abort stops them. Made in carryOut, because a scope is cancelled with the one it is made in. */
  private running = new CancellationScope();

  constructor(state: RunState, facts: RunFacts, onlooker: Onlooker) {
    this.state = state;
    this.facts = facts;
    this.onlooker = onlooker;
  }

  get record(): RunRecord {
    return recordOf(this.state, {
      ...this.facts,
      ...(this.endedAt === undefined ? {} : { endedAt: this.endedAt }),
    });
  }

  get current(): RunState {
    return this.state;
  }

  /** Runs until every step is finished, or until an abort has been undone. Survives its own cancellation for that. */
  async carryOut(): Promise<RunRecord> {
    CancellationScope.current().cancelRequested.catch(() => this.cancelled());
    await CancellationScope.nonCancellable(async () => {
      this.running = new CancellationScope();
      for (;;) {
        this.startWhatCan();
        if (isSettled(this.state)) break;
        this.onlooker.record(this.record);
        const seen = this.revision;
        await condition(() => this.revision !== seen);
      }
    });
    this.endedAt = Date.now();
    return this.record;
  }

  /** Follows a command that its validator has let through. */
  command<Name extends RunCommandName>(name: Name, command: RunCommands[Name]): void {
    this.change(applyCommand(this.state, name, command, Date.now()));
    this.answers.give(this.state, name, command);
    if (this.state.aborting !== undefined) this.running.cancel();
  }

  /** A step may end at once, and others then start at once, too. What has been started counts as running from then on. */
  private startWhatCan(): void {
    for (let ready = readySteps(this.state); ready.length > 0; ready = readySteps(this.state)) {
      for (const step of ready) void this.runStep(step);
    }
    const undo = nextUndo(this.state);
    if (undo !== undefined) void this.undoStep(undo);
  }

  private change(state: RunState): void {
    this.state = state;
    this.revision += 1;
    this.onlooker.phase(phaseOf(state), isSettled(state) ? runOutcomeOf(state) : undefined);
  }

  /** Cancelling the workflow means abort, where an abort is possible; otherwise it is noted and the run goes on. */
  private cancelled(): void {
    const refusal = abortRefusal(this.state);
    if (refusal === undefined) {
      this.command('abort', { by: 'cancellation of the workflow', reason: 'the workflow was cancelled' });
      return;
    }
    log.warn('cancellation not followed', { refusal });
    this.change({ ...this.state, because: [...this.state.because, `cancellation not followed: ${refusal}`] });
  }

  private async runStep(step: PlanStep): Promise<void> {
    const { skipAfterLook } = progressOf(this.state, step.id);
    const isReal = this.state.plan.mode === 'real';
    if (step.kind === approveKind || step.kind === holdKind) {
      await this.waitForPeople(step, isReal);
      return;
    }
    this.change(stepStarted(this.state, step.id, Date.now()));
    const outcome =
      skipAfterLook === undefined
        ? await this.attempt(step, isReal)
        : await this.lookThenSkip(step, skipAfterLook);
    const isUnclear = isReal && skipAfterLook === undefined && outcome.status === 'unknown';
    const seen = isUnclear ? await this.lookAgain(step, outcome) : outcome;
    this.change(stepEnded(this.state, step, seen, Date.now()));
  }

  /** No async function: each promise costs a workflow its stack trace, which is most of what a step's task takes. */
  private attempt(step: PlanStep, isReal: boolean): Promise<StepOutcome> {
    return this.running.run(() => this.call(step, isReal ? 'apply' : 'precheck'));
  }

  /** Unknown is never acted upon: the target is observed once more, and what is there counts. */
  private async lookAgain(step: PlanStep, unknown: StepOutcome): Promise<StepOutcome> {
    const look = await this.call(step, 'look again');
    if (look.status === 'already')
      return { ...look, details: [...look.details, `before that: ${unknown.summary}`] };
    return { ...unknown, details: [...unknown.details, `looked again: ${look.status}: ${look.summary}`] };
  }

  private async lookThenSkip(step: PlanStep, saying: string): Promise<StepOutcome> {
    const { outcome: last } = progressOf(this.state, step.id);
    const look = await this.call(step, 'look again');
    if (look.status === 'already') return look;
    const [by = '', ...reason] = saying.split(': ');
    return skippedOutcome(by, reason.join(': '), last);
  }

  private async waitForPeople(step: PlanStep, isReal: boolean): Promise<void> {
    const sentence = this.answers.ask(step);
    this.change(stepStarted(this.state, step.id, Date.now(), sentence));
    const outcome = isReal
      ? await this.answers.wait(step, () => this.state)
      : this.answers.wouldAsk(step, sentence);
    if (outcome === 'roll back') {
      this.command('rollBack', { by: 'the hold', reason: 'nobody committed in time', step: step.id });
    }
    const ended =
      outcome === 'roll back'
        ? this.answers.ended('refused', 'rolled back: nobody committed in time')
        : outcome;
    this.change(stepEnded(this.state, step, ended, Date.now()));
  }

  private async undoStep(step: PlanStep): Promise<void> {
    this.change(undoStarted(this.state, step.id));
    const outcome = await this.call(step, 'undo');
    this.change(undoEnded(this.state, step.id, outcome));
  }

  private call(step: PlanStep, purpose: CallPurpose): Promise<StepOutcome> {
    const progress = progressOf(this.state, step.id);
    const mode: StepMode = purpose === 'apply' || purpose === 'undo' ? purpose : 'precheck';
    const { reason = '', by = '' } = this.facts.request;
    const input: StepInput = {
      operation: {
        id: this.facts.operation,
        domain: this.state.plan.domain,
        epoch: this.state.epoch,
        reason,
        by,
      },
      step: step.id,
      mode,
      style: styleOf(this.state, step),
      parameters: step.parameters,
      ...(progress.snapshot === undefined ? {} : { snapshot: progress.snapshot }),
      ...(Object.keys(progress.overrides).length === 0 ? {} : { overrides: progress.overrides }),
    };
    return callStep(step, purpose, input, progress.attempts);
  }
}
