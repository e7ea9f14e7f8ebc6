import { stampRules } from '../../../domain/rules-digest.ts';
import { ModelGateway } from './agent.ts';
import { describe, type Message } from './messages.ts';
import { domain, gatewayNames, type Mutant } from './mutants.ts';
import { ModelOrchestrator } from './orchestrator.ts';

type Actor = ModelGateway | ModelOrchestrator;

/** Three gateways, two orchestrators, what is on its way between them, and the time. */
export class World {
  readonly pick: (count: number) => number;
  readonly gateways: readonly ModelGateway[];
  readonly orchestrators: readonly ModelOrchestrator[];
  readonly trace: string[] = [];
  inFlight: Message[] = [];
  time = 0;
  /** Pairs that do not hear each other. */
  readonly #cuts = new Set<string>();
  readonly #isTraced: boolean;

  /** @param isTraced whether what happens is written down: most runs end well and nobody reads it */
  constructor(pick: (count: number) => number, isTraced: boolean, mutant?: Mutant) {
    this.pick = pick;
    this.#isTraced = isTraced;
    const initial = stampRules({
      domain,
      epoch: 1,
      operation: 'initial',
      members: [...gatewayNames],
      table: [
        { unit: 'east', state: 'open' },
        { unit: 'east', state: 'open' },
      ],
    });
    // Clocks that differ by at most 4 % each way, and start anywhere.
    const rate = () => [0.96, 1, 1.04][pick(3)] ?? 1;
    this.gateways = gatewayNames.map(
      (name) => new ModelGateway(name, initial, { offset: pick(10_000), rate: rate() }, mutant),
    );
    this.orchestrators = ['a', 'b'].map((name) => new ModelOrchestrator(name, rate(), mutant));
  }

  log(tell: () => string): void {
    if (this.#isTraced) this.trace.push(`${Math.round(this.time)} ${tell()}`);
  }

  cut(one: Actor, other: Actor): void {
    this.#cuts.add(`${one.name}-${other.name}`).add(`${other.name}-${one.name}`);
  }

  heal(): void {
    this.#cuts.clear();
  }

  isCut(one: Actor, other: Actor): boolean {
    return this.#cuts.has(`${one.name}-${other.name}`);
  }

  send(message: Message): void {
    if (!this.isCut(message.from, message.to)) this.inFlight.push(message);
  }

  deliver(message: Message): void {
    const { from, to } = message;
    if (this.isCut(from, to) || (to instanceof ModelGateway && !to.isUp)) return;
    this.log(() => `${from.name} -> ${to.name} ${describe(message)}`);
    switch (message.kind) {
      case 'request':
        this.#answer(message);
        return;
      case 'reply':
        message.to.hear(message.generation, message.reply, this.time);
        return;
      case 'question':
        this.send({
          kind: 'answer',
          to: message.from,
          from: message.to,
          round: message.round,
          answer: message.to.peerAnswer(),
        });
        return;
      case 'answer':
        message.to.hear(message.round, message.answer, this.time);
    }
  }

  #answer({ to, from, request, generation }: Message & { readonly kind: 'request' }): void {
    const isAllowed =
      request.kind === 'state' ||
      (request.kind === 'promise'
        ? to.promise(request.epoch, request.operation, this.time)
        : to.offer(request.rules, this.time));
    // Accepted and acknowledged are two moments: the agent may die in between.
    if (request.kind === 'offer' && isAllowed && this.pick(6) === 0) return;
    if (request.kind === 'offer' && isAllowed) to.install();
    const reply = { state: to.state(this.time), isRefused: !isAllowed };
    this.send({ kind: 'reply', to: from, from: to, generation, reply });
  }

  sendRequests(orchestrator: ModelOrchestrator): void {
    for (const gateway of this.gateways) {
      const request = orchestrator.requestTo(gateway.name);
      const { generation } = orchestrator;
      if (request !== undefined)
        this.send({ kind: 'request', to: gateway, from: orchestrator, generation, request });
    }
  }

  proceed(orchestrator: ModelOrchestrator): void {
    const before = orchestrator.phase;
    orchestrator.proceed(this.time, this.pick);
    if (before !== orchestrator.phase)
      this.log(() => `${orchestrator.name}: ${before} -> ${orchestrator.phase}`);
  }

  /** Questions, answers and what follows from them without anything in between: most of what happens in real life. */
  smoothly(orchestrator: ModelOrchestrator): void {
    const before = this.inFlight;
    this.inFlight = [];
    this.sendRequests(orchestrator);
    for (let message = this.inFlight.shift(); message !== undefined; message = this.inFlight.shift()) {
      if (!(message.to instanceof ModelGateway && message.to.isPaused)) this.deliver(message);
    }
    this.inFlight = before;
    this.proceed(orchestrator);
  }

  sendQuestions(gateway: ModelGateway): void {
    const round = gateway.ask(this.time);
    for (const peer of this.gateways) {
      if (peer !== gateway) this.send({ kind: 'question', to: peer, from: gateway, round });
    }
  }

  hearPeers(gateway: ModelGateway): void {
    const round = gateway.ask(this.time);
    for (const peer of this.gateways) {
      if (peer === gateway || !peer.isRunning || this.isCut(gateway, peer)) continue;
      gateway.hear(round, peer.peerAnswer(), this.time);
    }
  }

  renewSmoothly(gateway: ModelGateway): void {
    if (this.pick(3) > 0) gateway.install(); // the proxy may be slow
    this.hearPeers(gateway);
    this.renew(gateway);
  }

  renew(gateway: ModelGateway): void {
    gateway.renew(this.time);
    this.log(() => {
      const held = gateway.workers.map(
        ({ rules, leaseUntil }) => `${rules.epoch} until ${Math.round(leaseUntil)}`,
      );
      return `${gateway.name} renews: ${held.join(', ')}, its clock is ${Math.round(gateway.now(this.time))}`;
    });
  }

  /** The one thing that must never be. */
  violation(): string | undefined {
    for (const bucket of [0, 1]) {
      let unit: string | undefined;
      for (const gateway of this.gateways) {
        for (const worker of gateway.workers) {
          const written = gateway.writtenBy(worker, this.time, bucket);
          unit ??= written;
          if (written !== undefined && written !== unit) return this.#writers(bucket);
        }
      }
    }
    return undefined;
  }

  #writers(bucket: number): string {
    const accepting = this.gateways.flatMap((gateway) =>
      gateway.workers.flatMap((worker) => {
        const unit = gateway.writtenBy(worker, this.time, bucket);
        return unit === undefined ? [] : [`${gateway.name}->${unit}`];
      }),
    );
    return `bucket ${bucket} is written at two units: ${accepting.join(', ')}`;
  }
}
