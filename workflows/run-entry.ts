import { setHandler } from '@temporalio/workflow';
import { approvalRefusal, declineRefusal, type ApprovalRule } from '../domain/approval.ts';
import { initialState } from '../domain/run-state.ts';
import { recordOf } from '../domain/interpreter.ts';
import type { Plan } from '../domain/plan.ts';
import type { OperatorDecision, RunOutcome, RunPhase, RunRecord, RunRequest } from '../domain/run.ts';
import { Publisher } from './publish.ts';
import { approveUpdate, declineUpdate, statusQuery } from './messages.ts';
import { checkPayload, describe, refuseCommand } from './operator-updates.ts';

interface Facts {
  readonly operation: string;
  readonly request: RunRequest;
  readonly startedAt: number;
}

interface Changes {
  readonly phase: RunPhase;
  readonly plan: Plan;
  readonly because: readonly string[];
  readonly decisions: readonly OperatorDecision[];
  readonly runningIn: string;
  /** The record of the plan's execution: from then on it is the record. */
  readonly executed: RunRecord;
  readonly outcome: RunOutcome;
}

/** A run before and after its plan is executed: what the status query of the started workflow answers from. */
export class RunEntry {
  private readonly facts: Facts;
  private changes: Partial<Changes> = {};
  private rule: ApprovalRule | undefined;
  private readonly publisher = new Publisher();

  constructor(facts: Facts) {
    this.facts = facts;
    setHandler(statusQuery, () => this.record, { description: 'Where the run stands.' });
    this.handleApproval();
  }

  show(changes: Partial<Changes>): void {
    this.changes = { ...this.changes, ...changes };
    this.publisher.record(this.record);
  }

  /** For a plan that is carried out in this run itself. */
  showPhase(phase: RunPhase, outcome: RunOutcome | undefined): void {
    this.publisher.phase(phase, outcome);
  }

  get decisions(): readonly OperatorDecision[] {
    return this.changes.decisions ?? [];
  }

  /** From here on `approve` and `decline` are taken, until one has come. */
  openApproval(rule: ApprovalRule): void {
    this.rule = rule;
  }
  closeApproval(): void {
    this.rule = undefined;
  }

  get record(): RunRecord {
    const { executed, plan, phase = 'observing', because, decisions = [], runningIn, outcome } = this.changes;
    if (executed !== undefined) return executed;
    const planned = plan === undefined ? undefined : recordOf(initialState(plan, '', decisions), this.facts);
    const isClosed = outcome !== undefined;
    return {
      ...(planned ?? { steps: [], decisions, leftToDo: [] }),
      operation: { id: this.facts.operation, domain: plan?.domain ?? '', epoch: 0 },
      request: this.facts.request,
      phase: isClosed ? 'closed' : phase,
      style: this.facts.request.style ?? 'graceful',
      startedAt: this.facts.startedAt,
      ...(isClosed ? { outcome, endedAt: Date.now() } : {}),
      ...(because === undefined ? {} : { because }),
      ...(runningIn === undefined ? {} : { runningIn }),
    };
  }

  private handleApproval(): void {
    setHandler(approveUpdate, (command) => this.decide('approve', command.by, command.reason ?? ''), {
      description: describe('approve', 'Approves the waiting run, for exactly this plan.'),
      validator: (command) => {
        checkPayload('approve', command);
        this.refuseUnlessOpen('approve', (rule) => approvalRefusal(rule, command));
      },
    });
    setHandler(declineUpdate, (command) => this.decide('decline', command.by, command.reason), {
      description: describe('decline', 'Declines the waiting run: it ends as refused.'),
      validator: (command) => {
        checkPayload('decline', command);
        this.refuseUnlessOpen('decline', (rule) => declineRefusal(rule, command));
      },
    });
  }

  private refuseUnlessOpen(name: string, judge: (rule: ApprovalRule) => string | undefined): void {
    const { phase = 'observing', runningIn } = this.changes;
    if (this.rule === undefined) {
      const where = runningIn === undefined ? '' : `; the plan runs in workflow ${runningIn}`;
      throw refuseCommand(`${name}: this run is ${phase} and waits for no approval${where}`);
    }
    const refusal = judge(this.rule);
    if (refusal !== undefined) throw refuseCommand(`${name}: ${refusal}`);
  }

  private decide(action: 'approve' | 'decline', by: string, reason: string): string {
    this.closeApproval();
    this.show({ decisions: [...this.decisions, { at: Date.now(), by, action, reason }] });
    return action === 'approve' ? 'approved: the plan starts' : 'declined: the run ends as refused';
  }
}
