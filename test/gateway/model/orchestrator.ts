import { decideClaim, nextClaim, boundTo, claimedEpoch } from '../../../domain/claim-decisions.ts';
import { isOfClaim, judgeBarrier, type GatewayReading } from '../../../domain/gateway-barrier.ts';
import type { GatewayState } from '../../../domain/gateway-protocol.ts';
import { leaseMarginMs } from '../../../domain/lease.ts';
import { decideFence, decideOpen, planFence } from '../../../domain/move-decisions.ts';
import {
  answering,
  observedGateways,
  readingOf,
  type ObservedGateways,
} from '../../../domain/observed-gateways.ts';
import { fencedTable, type RoutingTable, type StampedRules } from '../../../domain/routing.ts';
import { stampRules } from '../../../domain/rules-digest.ts';
import type { Decision, StepInput } from '../../../domain/step.ts';
import type { MoveUnitsParameters } from '../../../domain/step-parameters.ts';
import { domain, gatewayNames, leaseMs, type Mutant } from './mutants.ts';

export type Request =
  | { readonly kind: 'state' }
  | { readonly kind: 'promise'; readonly epoch: number; readonly operation: string }
  | { readonly kind: 'offer'; readonly rules: StampedRules };
export type Reply = { readonly state: GatewayState; readonly isRefused: boolean };

type Phase =
  | 'look'
  | 'claim'
  | 'look to fence'
  | 'fence'
  | 'look to open'
  | 'open'
  | 'look to undo'
  | 'undo fence'
  | 'undo open';

const parameters = {
  routing: { buckets: 2, header: 'x', leaseMs, units: {} },
  gateways: Object.fromEntries(
    gatewayNames.map((name) => [name, { site: 's', agent: `http://${name}`, endpoint: `http://${name}` }]),
  ),
};

/** A run of claim, fence and open by the decisions of the product; started again for the next move when it is over. */
export class ModelOrchestrator {
  readonly name: string;
  readonly #rate: number;
  readonly #mutant: Mutant | undefined;
  #runs = 1;
  #epoch = 0;
  #plan: { readonly current: RoutingTable; readonly wanted: RoutingTable } | undefined;
  #answers = new Map<string, { readonly reply: Reply; readonly at: number }>();
  phase: Phase = 'look';
  /** Answers to questions of an earlier phase are not taken for this one's. */
  generation = 0;
  opened = 0;
  undone = 0;

  constructor(name: string, rate: number, mutant?: Mutant) {
    this.name = name;
    this.#rate = rate;
    this.#mutant = mutant;
  }

  get #operation() {
    return { id: `${this.name}-${this.#runs}`, domain, epoch: this.#epoch, reason: '', by: '' };
  }

  hear(generation: number, reply: Reply, time: number): void {
    if (generation === this.generation)
      this.#answers.set(reply.state.gateway, { reply, at: time * this.#rate });
  }

  /** What is to be sent in this phase, again and again, to whoever has not answered well yet. */
  requestTo(gateway: string): Request | undefined {
    const known = this.#answers.get(gateway)?.reply;
    switch (this.phase) {
      case 'look':
      case 'look to fence':
      case 'look to open':
      case 'look to undo':
        return known === undefined ? { kind: 'state' } : undefined;
      case 'claim':
        return known === undefined
          ? { kind: 'promise', epoch: this.#epoch, operation: this.#operation.id }
          : undefined;
      case 'fence':
      case 'open':
      case 'undo fence':
      case 'undo open': {
        const rules = this.#rules;
        const isThere = known?.state.workers.every(({ digest }) => digest === rules?.digest) === true;
        return rules === undefined || isThere ? undefined : { kind: 'offer', rules };
      }
      default:
        return undefined;
    }
  }

  #rules: StampedRules | undefined;

  /** Goes on with what has been heard; whoever has not answered counts as silent. */
  proceed(time: number, pick: (count: number) => number): void {
    switch (this.phase) {
      case 'look':
        return this.#startClaim(time, pick);
      case 'claim':
        return this.#countPromises();
      case 'look to fence':
        return this.#follow('fence', this.#observed(time), decideFence);
      case 'fence':
        return this.#checkBarrier(time, () => this.#enter('look to open'));
      case 'look to open':
        return this.#follow('open', this.#observed(time), (observed) => this.#decideOpen(observed));
      case 'open':
        return this.#checkOpen(() => (this.opened += 1));
      case 'look to undo':
        return this.#startUndo(time);
      case 'undo fence':
        return this.#checkBarrier(time, () => this.#openAgain());
      case 'undo open':
        return this.#checkOpen(() => (this.undone += 1));
    }
  }

  /** The activity starts again from nothing but its input. */
  restartStep(): void {
    if (this.phase === 'fence') this.#enter('look to fence');
    if (this.phase === 'open') this.#enter('look to open');
  }

  /** An abort before anything was opened: back to the table before, under the next two epochs. */
  abort(): void {
    if (this.phase === 'fence' || this.phase === 'look to open') this.#enter('look to undo');
  }

  giveUp(): void {
    this.#runs += 1;
    this.#epoch = 0;
    this.#plan = undefined;
    this.#enter('look');
  }

  #enter(phase: Phase): void {
    this.phase = phase;
    this.generation += 1;
    this.#answers = new Map();
  }

  #observed(time: number): ObservedGateways {
    const answers = gatewayNames.map((gateway) => {
      const known = this.#answers.get(gateway);
      if (known === undefined) return { gateway, silent: 'silent' };
      const { state } = known.reply;
      return {
        ...state,
        acceptedForMs: state.acceptedForMs + (time * this.#rate - known.at) + this.#bonusMs,
      };
    });
    return observedGateways(answers, this.#operation);
  }

  get #bonusMs(): number {
    return this.#mutant === 'the lease has no margin' ? leaseMarginMs(leaseMs) : 0;
  }

  get #input(): StepInput<MoveUnitsParameters> {
    const { current = [], wanted = [] } = this.#plan ?? {};
    return {
      operation: this.#operation,
      step: 's',
      mode: 'apply',
      style: 'forced',
      parameters: { ...parameters, current, wanted },
    };
  }

  #startClaim(time: number, pick: (count: number) => number): void {
    const observed = this.#observed(time);
    const claim = { ...observed, epoch: 0 };
    const decision = decideClaim(claim, {
      ...this.#input,
      parameters: { ...parameters, databases: {}, units: [] },
    });
    if (decision.kind !== 'apply') return this.#enter('look');
    const tables = [...this.#answers.values()]
      .map(({ reply }) => reply.state.accepted)
      .sort((a, b) => b.epoch - a.epoch);
    const current = tables[0]?.table ?? [];
    const move = 1 + pick(3); // bucket 0, bucket 1, or both
    const wanted = current.map((rule, bucket) => {
      if ((move & (1 << bucket)) === 0) return rule;
      return { unit: rule.unit === 'east' ? 'west' : 'east', state: 'open' } as const;
    });
    this.#plan = { current, wanted };
    this.#epoch = nextClaim(answering(observed).map((gateway) => boundTo(gateway)?.epoch ?? 0));
    this.#enter('claim');
  }

  #countPromises(): void {
    const gateways = [...this.#answers.values()].flatMap(({ reply }) =>
      reply.isRefused ? [] : observedGateways([reply.state], this.#operation).gateways,
    );
    if (claimedEpoch(gateways, gatewayNames, this.#operation.id) === this.#epoch)
      this.#enter('look to fence');
    else if (this.#answers.size === gatewayNames.length) this.giveUp();
  }

  #follow(
    phase: 'fence' | 'open',
    observed: ObservedGateways,
    decide: (observed: ObservedGateways, input: StepInput<MoveUnitsParameters>) => Decision,
  ): void {
    const decision = decide(observed, this.#input);
    if (decision.kind === 'refuse') return this.#maybeGiveUp();
    if (decision.kind === 'wait') return this.#enter(this.phase);
    if (decision.kind === 'already') return phase === 'fence' ? this.#enter('look to open') : this.#finish();
    const { current, wanted } = this.#input.parameters;
    const { members, barrier } = planFence(observed, this.#input);
    const base = { domain, operation: this.#operation.id, members };
    this.#rules =
      phase === 'fence'
        ? stampRules({ ...base, epoch: this.#epoch, table: fencedTable(current, wanted) })
        : stampRules({ ...base, epoch: this.#epoch + 1, table: wanted });
    this.#barrier = barrier;
    this.#enter(phase);
  }

  #barrier: ReturnType<typeof planFence>['barrier'] | undefined;

  /** Refused: look again when some did not answer, give up when all have. */
  #maybeGiveUp(): void {
    if (this.#answers.size === gatewayNames.length) this.giveUp();
    else this.#enter(this.phase);
  }

  #startUndo(time: number): void {
    const observed = this.#observed(time);
    this.#epoch += 2;
    const { current, wanted } = this.#input.parameters;
    const { barrier, members } = planFence({ ...observed, base: null }, this.#input);
    this.#barrier = barrier;
    const base = { domain, operation: this.#operation.id, members };
    this.#rules = stampRules({ ...base, epoch: this.#epoch, table: fencedTable(current, wanted) });
    this.#enter('undo fence');
    if (this.#mutant === 'a fence is undone without a fence of its own') this.#openAgain();
  }

  #openAgain(): void {
    if (this.#rules === undefined) return;
    const { current } = this.#input.parameters;
    this.#rules = stampRules({ ...this.#rules, epoch: this.#epoch + 1, table: current });
    this.#enter('undo open');
  }

  #checkBarrier(time: number, passed: () => void): void {
    if (this.#barrier === undefined) return;
    const readings = this.#observed(time).gateways.map(readingOf);
    if (this.#isPassed(readings)) passed();
    else if ([...this.#answers.values()].some(({ reply }) => reply.isRefused)) this.giveUp();
  }

  #isPassed(readings: readonly GatewayReading[]): boolean {
    if (this.#barrier === undefined) return false;
    if (judgeBarrier(this.#barrier, readings).kind === 'passed') return true;
    if (this.#mutant !== 'the barrier is a majority instead of all') return false;
    const { fence } = this.#barrier;
    return readings.filter((one) => !('silent' in one) && isOfClaim(one.accepted, fence)).length >= 2;
  }

  #decideOpen(observed: ObservedGateways): Decision {
    const decision = decideOpen(observed, this.#input);
    const isWaiting = decision.kind === 'wait';
    return isWaiting && this.#isPassed(observed.gateways.map(readingOf))
      ? { kind: 'apply', will: [] }
      : decision;
  }

  #checkOpen(isThere: () => void): void {
    const held = [...this.#answers.values()].filter(
      ({ reply }) => reply.state.accepted.digest === this.#rules?.digest,
    );
    const isRefused = [...this.#answers.values()].some(({ reply }) => reply.isRefused);
    if (held.length >= 2) isThere();
    if (held.length >= 2 || isRefused) this.giveUp();
  }

  #finish(): void {
    this.opened += 1;
    this.giveUp();
  }
}
