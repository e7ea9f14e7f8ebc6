import {
  claimOf,
  judgeCatchUp,
  judgePromise,
  judgeRenewal,
  judgeRules,
  stampOf,
  type AgentRecord,
  type PeerView,
  type Verdict,
} from '../../../domain/gateway-decisions.ts';
import type { GatewayState, PeerAnswer } from '../../../domain/gateway-protocol.ts';
import { leaseDeadline } from '../../../domain/lease.ts';
import type { StampedRules } from '../../../domain/routing.ts';
import { gatewayNames, leaseMs, domain, type Mutant } from './mutants.ts';

export interface ModelWorker {
  readonly pid: number;
  rules: StampedRules;
  /** On this gateway's own clock. */
  leaseUntil: number;
}

/** A gateway: an agent that may crash, pause and forget, beside a proxy that goes on serving by itself. */
export class ModelGateway {
  readonly name: string;
  readonly #mutant: Mutant | undefined;
  readonly #clock: { readonly offset: number; readonly rate: number };
  #disk: AgentRecord;
  record: AgentRecord;
  #acceptedAt: number;
  file: StampedRules;
  workers: ModelWorker[];
  #nextPid = 2;
  isUp = true;
  isPaused = false;
  round: { readonly id: number; readonly askedAt: number; readonly answers: PeerView[] } | undefined;
  #rounds = 0;

  constructor(name: string, initial: StampedRules, clock: { offset: number; rate: number }, mutant?: Mutant) {
    this.name = name;
    this.#mutant = mutant;
    this.#clock = clock;
    this.record = {
      gateway: name,
      domain,
      joined: true,
      promised: { epoch: 0, operation: '' },
      accepted: initial,
    };
    this.#disk = this.record;
    this.#acceptedAt = this.now(0);
    this.file = initial;
    this.workers = [{ pid: 1, rules: initial, leaseUntil: this.now(0) + leaseMs }];
  }

  now(time: number): number {
    return this.#clock.offset + this.#clock.rate * time;
  }

  get isRunning(): boolean {
    return this.isUp && !this.isPaused;
  }

  #keep(next: AgentRecord, time: number): void {
    const isSameClaim =
      claimOf(next.accepted.epoch) === claimOf(this.record.accepted.epoch) &&
      next.accepted.operation === this.record.accepted.operation;
    if (!isSameClaim) this.#acceptedAt = this.now(time);
    this.record = next;
    this.#disk = {
      ...next,
      ...(this.#mutant === 'promises are not kept on disk' ? { promised: this.#disk.promised } : {}),
      ...(this.#mutant === 'accepted rules are not kept on disk' ? { accepted: this.#disk.accepted } : {}),
    };
  }

  #settle(verdict: Verdict, time: number): boolean {
    if (verdict.kind === 'change') this.#keep(verdict.next, time);
    return verdict.kind !== 'refuse';
  }

  promise(epoch: number, operation: string, time: number): boolean {
    return this.#settle(judgePromise(this.record, { epoch, operation }), time);
  }

  /** Promise, then accept: on disk, not yet in any worker. */
  offer(rules: StampedRules, time: number): boolean {
    return (
      this.promise(claimOf(rules.epoch), rules.operation, time) &&
      this.#settle(judgeRules(this.record, rules), time)
    );
  }

  install(): void {
    this.file = this.record.accepted;
    const workers =
      this.#mutant === 'only the newest worker is brought up and acknowledged'
        ? this.workers.slice(-1)
        : this.workers;
    for (const worker of workers) worker.rules = this.record.accepted;
  }

  reload(): void {
    this.workers = [...this.workers, { pid: this.#nextPid, rules: this.file, leaseUntil: -Infinity }];
    this.#nextPid += 1;
  }

  endOldest(): void {
    this.workers = this.workers.slice(1);
  }

  crash(): void {
    this.isUp = false;
    this.round = undefined;
  }

  restart(time: number): void {
    this.isUp = true;
    this.record = this.#disk;
    this.#acceptedAt = this.now(time);
  }

  ask(time: number): number {
    this.#rounds += 1;
    this.round = { id: this.#rounds, askedAt: this.now(time), answers: [] };
    return this.#rounds;
  }

  hear(roundId: number, answer: PeerAnswer, time: number): void {
    this.#settle(judgeCatchUp(this.record, answer.accepted), time);
    if (this.round?.id === roundId) this.round.answers.push(answer);
  }

  renew(time: number): void {
    const { round } = this;
    this.round = undefined;
    if (round === undefined) return;
    const answers =
      this.#mutant === 'leases are renewed although a peer is ahead'
        ? round.answers.map((answer) => ({ ...answer, accepted: this.record.accepted }))
        : round.answers;
    const isAllowed =
      judgeRenewal(this.record, answers).renew ||
      (this.#mutant === 'leases are renewed without a majority' && answers.length === 0);
    if (!isAllowed) return;
    const from =
      this.#mutant === 'the deadline is counted from the answers instead of the sending'
        ? this.now(time)
        : round.askedAt;
    for (const worker of this.workers) {
      const isCurrent =
        worker.rules.digest === this.record.accepted.digest ||
        this.#mutant === 'workers are renewed whatever table they hold';
      if (isCurrent) worker.leaseUntil = leaseDeadline(from, leaseMs);
    }
  }

  peerAnswer(): PeerAnswer {
    const { promised, accepted, joined } = this.record;
    return { gateway: this.name, joined, promised, accepted };
  }

  state(time: number): GatewayState {
    const seen =
      this.#mutant === 'only the newest worker is brought up and acknowledged'
        ? this.workers.slice(-1)
        : this.workers;
    return {
      gateway: this.name,
      bootId: '',
      domain,
      joined: true,
      promised: stampOf(this.record.promised),
      accepted: this.record.accepted,
      acceptedForMs: this.now(time) - this.#acceptedAt,
      workers: seen.map(({ pid, rules }) => ({ pid, epoch: rules.epoch, digest: rules.digest })),
      leases: {},
      leaseMs,
      gateways: gatewayNames,
      units: [],
    };
  }

  /** The unit that this worker would pass a write on to at this moment. */
  writtenBy({ rules, leaseUntil }: ModelWorker, time: number, bucket: number): string | undefined {
    const rule = rules.table[bucket];
    return rule?.state === 'open' && this.now(time) < leaseUntil ? rule.unit : undefined;
  }
}
