import { stampRules } from '../../../domain/rules-digest.ts';
import { ModelGateway } from './agent.ts';
import { domain, gatewayNames, type Mutant } from './mutants.ts';
import { ModelOrchestrator, type Request, type Reply } from './orchestrator.ts';
import type { PeerAnswer } from '../../../domain/gateway-protocol.ts';

type Message =
  | {
      readonly kind: 'request';
      readonly to: ModelGateway;
      readonly from: ModelOrchestrator;
      readonly generation: number;
      readonly request: Request;
    }
  | {
      readonly kind: 'reply';
      readonly to: ModelOrchestrator;
      readonly from: ModelGateway;
      readonly generation: number;
      readonly reply: Reply;
    }
  | {
      readonly kind: 'question';
      readonly to: ModelGateway;
      readonly from: ModelGateway;
      readonly round: number;
    }
  | {
      readonly kind: 'answer';
      readonly to: ModelGateway;
      readonly from: ModelGateway;
      readonly round: number;
      readonly answer: PeerAnswer;
    };

interface Action {
  readonly weight: number;
  run(): void;
}

export interface RunResult {
  /** What went wrong, and the steps that led there. */
  readonly violation?: string;
  readonly trace: readonly string[];
  /** Moves that were carried through. */
  readonly opened: number;
}

/** Every step is one of the things that may happen next, chosen by the next number. */
export function runModel(choices: readonly number[], mutant?: Mutant): RunResult {
  let position = 0;
  const pick = (count: number): number => {
    const value = choices[position % choices.length] ?? 0;
    position += 1;
    return value % count;
  };
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
  const gateways = gatewayNames.map(
    (name) => new ModelGateway(name, initial, { offset: pick(10_000), rate: rate() }, mutant),
  );
  const orchestrators = [
    new ModelOrchestrator('a', rate(), mutant),
    new ModelOrchestrator('b', rate(), mutant),
  ];
  /** Pairs that do not hear each other. */
  const cuts = new Set<string>();
  const trace: string[] = [];
  let inFlight: Message[] = [];
  let time = 0;
  let violation: string | undefined;

  const tempo = {
    steps: [1, 4][pick(2)] ?? 1,
    orchestrators: orchestrators.map(() => [2, 30][pick(2)] ?? 2),
  };

  const nameOf = (one: ModelGateway | ModelOrchestrator) =>
    one instanceof ModelGateway ? one.name : `o${orchestrators.indexOf(one)}`;
  const isCut = (a: ModelGateway | ModelOrchestrator, b: ModelGateway | ModelOrchestrator) =>
    cuts.has(`${nameOf(a)}-${nameOf(b)}`) || cuts.has(`${nameOf(b)}-${nameOf(a)}`);
  const send = (message: Message) => {
    if (!isCut(message.from, message.to)) inFlight.push(message);
  };

  const deliver = (message: Message): void => {
    const { to } = message;
    if (to instanceof ModelGateway && !to.isUp) return;
    trace.push(
      `${Math.round(time)} ${nameOf(message.from)} -> ${nameOf(to)} ${message.kind} ${'request' in message ? describe(message.request) : ''}`,
    );
    switch (message.kind) {
      case 'request': {
        const { request } = message;
        const isAllowed =
          request.kind === 'state' ||
          (request.kind === 'promise'
            ? message.to.promise(request.epoch, request.operation, time)
            : message.to.offer(request.rules, time));
        // Accepted and acknowledged are two moments: the agent may die in between.
        if (request.kind === 'offer' && isAllowed && pick(6) === 0) return;
        if (request.kind === 'offer' && isAllowed) message.to.install();
        const reply = { state: message.to.state(time), isRefused: !isAllowed };
        send({ kind: 'reply', to: message.from, from: message.to, generation: message.generation, reply });
        return;
      }
      case 'reply':
        message.to.hear(message.generation, message.reply, time);
        return;
      case 'question':
        send({
          kind: 'answer',
          to: message.from,
          from: message.to,
          round: message.round,
          answer: message.to.peerAnswer(),
        });
        return;
      case 'answer':
        message.to.hear(message.round, message.answer, time);
    }
  };

  const actions = (): Action[] => {
    const list: Action[] = [
      { weight: 6, run: () => void (time += 10 * tempo.steps) },
      { weight: 6, run: () => void (time += 40 * tempo.steps) },
      { weight: 3, run: () => void (time += 150 * tempo.steps) },
    ];
    for (const message of inFlight) {
      if (message.to instanceof ModelGateway && message.to.isPaused) continue;
      list.push({
        weight: 3,
        run: () => {
          inFlight = inFlight.filter((one) => one !== message);
          if (!isCut(message.from, message.to)) deliver(message);
        },
      });
    }
    if (inFlight.length > 12) {
      list.push({ weight: 6, run: () => void inFlight.splice(pick(inFlight.length), 1) }); // lost
      list.push({ weight: 2, run: () => void inFlight.push(inFlight[pick(inFlight.length)] as Message) }); // twice
    }
    for (const gateway of gateways) list.push(...gatewayActions(gateway));
    for (const [index, orchestrator] of orchestrators.entries()) {
      list.push({ weight: tempo.orchestrators[index] ?? 1, run: () => smoothly(orchestrator) });
      list.push({
        weight: 2,
        run: () => {
          for (const gateway of gateways) {
            const request = orchestrator.requestTo(gateway.name);
            if (request !== undefined)
              send({
                kind: 'request',
                to: gateway,
                from: orchestrator,
                generation: orchestrator.generation,
                request,
              });
          }
        },
      });
      list.push({
        weight: 3,
        run: () => {
          const before = orchestrator.phase;
          orchestrator.proceed(time, pick);
          if (before !== orchestrator.phase)
            trace.push(`${Math.round(time)} ${nameOf(orchestrator)}: ${before} -> ${orchestrator.phase}`);
        },
      });
      list.push({ weight: 1, run: () => orchestrator.restartStep() });
    }
    list.push({ weight: 1, run: () => toggleCut() });
    if (cuts.size > 0) list.push({ weight: 1, run: () => cuts.clear() });
    return list;
  };

  /** Question, answers and what follows from them without anything in between: most of what happens in real life. */
  const smoothly = (orchestrator: ModelOrchestrator) => {
    for (const gateway of gateways) {
      const request = orchestrator.requestTo(gateway.name);
      if (request === undefined || !gateway.isRunning || isCut(orchestrator, gateway)) continue;
      const before = inFlight.length;
      deliver({
        kind: 'request',
        to: gateway,
        from: orchestrator,
        generation: orchestrator.generation,
        request,
      });
      for (const message of inFlight.splice(before)) deliver(message);
    }
    const before = orchestrator.phase;
    orchestrator.proceed(time, pick);
    if (before !== orchestrator.phase)
      trace.push(`${Math.round(time)} ${nameOf(orchestrator)}: ${before} -> ${orchestrator.phase}`);
  };

  const renewSmoothly = (gateway: ModelGateway) => {
    if (pick(3) > 0) gateway.install(); // the proxy may be slow
    const round = gateway.ask(time);
    for (const peer of gateways) {
      if (peer === gateway || !peer.isRunning || isCut(gateway, peer)) continue;
      gateway.hear(round, peer.peerAnswer(), time);
    }
    gateway.renew(time);
    trace.push(
      `${Math.round(time)} ${gateway.name} asks and renews: ${gateway.workers.map((worker) => `${worker.rules.epoch} until ${Math.round(worker.leaseUntil)}`).join(', ')} (local ${Math.round(gateway.now(time))})`,
    );
  };

  const toggleCut = () => {
    const everyone = [...gateways, ...orchestrators];
    const gateway = gateways[pick(gateways.length)];
    if (gateway === undefined) return;
    if (pick(3) === 0) for (const other of everyone) cuts.add(`${gateway.name}-${nameOf(other)}`);
    else cuts.add(`${gateway.name}-${nameOf(everyone[pick(everyone.length)] ?? gateway)}`);
  };

  const gatewayActions = (gateway: ModelGateway): Action[] => {
    const log = (what: string) => trace.push(`${Math.round(time)} ${gateway.name} ${what}`);
    if (!gateway.isUp) return [{ weight: 3, run: () => (gateway.restart(time), void log('restarts')) }];
    if (gateway.isPaused)
      return [{ weight: 3, run: () => (void (gateway.isPaused = false), void log('resumes')) }];
    const list: Action[] = [
      { weight: 1, run: () => (gateway.crash(), void log('crashes')) },
      { weight: 1, run: () => (void (gateway.isPaused = true), void log('is paused')) },
      { weight: 1, run: () => gateway.install() },
    ];
    if (gateway.workers.length < 3)
      list.push({ weight: 1, run: () => (gateway.reload(), void log('reloads')) });
    if (gateway.workers.length > 1) list.push({ weight: 1, run: () => gateway.endOldest() });
    list.push({ weight: 6, run: () => renewSmoothly(gateway) });
    if (gateway.round === undefined) {
      list.push({
        weight: 2,
        run: () => {
          const round = gateway.ask(time);
          for (const peer of gateways)
            if (peer !== gateway) send({ kind: 'question', to: peer, from: gateway, round });
        },
      });
    } else {
      list.push({
        weight: 2,
        run: () => (
          gateway.renew(time),
          void log(
            `renews? until ${Math.round(gateway.workers[0]?.leaseUntil ?? 0)} (local ${Math.round(gateway.now(time))})`,
          )
        ),
      });
    }
    return list;
  };

  const check = (): string | undefined => {
    for (const bucket of [0, 1]) {
      const accepting = gateways.flatMap((gateway) =>
        gateway.accepts(time, bucket).map((unit) => ({ gateway: gateway.name, unit })),
      );
      if (new Set(accepting.map((one) => one.unit)).size > 1) {
        return `bucket ${bucket} is written at two units: ${accepting.map(({ gateway, unit }) => `${gateway}->${unit}`).join(', ')}`;
      }
    }
    return undefined;
  };

  /** Situations that chance alone takes long to reach; what happens from there on is left to it. */
  const prelude = (): void => {
    const [g1, g2, g3] = gateways as [ModelGateway, ModelGateway, ModelGateway];
    const [a, b] = orchestrators as [ModelOrchestrator, ModelOrchestrator];
    const until = (one: ModelOrchestrator, phase: ModelOrchestrator['phase']) => {
      for (let tries = 0; one.phase !== phase && tries < 20; tries += 1) smoothly(one);
    };
    const pass = (ms: number, ...serving: readonly ModelGateway[]) => {
      for (let passed = 0; passed < ms; passed += 100) {
        time += 100;
        serving.forEach(renewSmoothly);
      }
    };
    const situation = pick(5);
    trace.push(`situation ${situation}`);
    if (situation === 1 || situation === 2) {
      // g3 is cut off in the middle of a fence, with the answers to its last questions in hand.
      until(a, 'fence');
      renewSmoothly(g3);
      const round = g3.ask(time);
      for (const peer of [g1, g2]) g3.hear(round, peer.peerAnswer(), time);
      for (const other of [g1, g2, a, b]) cuts.add(`${g3.name}-${nameOf(other)}`);
      smoothly(a);
      // Later: its lease is about to run out, and a passes the barrier as early as it may.
      if (situation === 2) {
        pass(1_900, g1, g2);
        if (pick(2) === 0) g3.renew(time);
      }
    } else if (situation === 3) {
      // g3 has promised to b, who reaches nobody else, and cannot follow a.
      until(a, 'look to fence');
      until(b, 'claim');
      const request = b.requestTo(g3.name);
      if (request?.kind === 'promise') g3.promise(request.epoch, request.operation, time);
      cuts.add(`${g3.name}-${nameOf(a)}`);
      for (const gateway of gateways) cuts.add(`${nameOf(b)}-${gateway.name}`);
      smoothly(a);
      smoothly(a);
    } else if (situation === 4) {
      // a and b share g2 only, and g2 is started anew between its promise to b and the fence of a.
      until(a, 'fence');
      cuts.add(`${nameOf(b)}-${g1.name}`);
      until(b, 'fence');
      cuts.add(`${nameOf(a)}-${g3.name}`);
      g2.crash();
      g2.restart(time);
      smoothly(a);
      pass(2_400, g1);
      until(a, 'open');
      smoothly(b);
      [g2, g3].forEach(renewSmoothly);
    }
  };
  prelude();

  const highest = new Map<string, number>();
  while (position < choices.length && violation === undefined) {
    const enabled = actions();
    let ticket = pick(enabled.reduce((sum, action) => sum + action.weight, 0));
    const chosen = enabled.find((action) => (ticket -= action.weight) < 0);
    chosen?.run();
    violation = check();
    if (mutant === undefined) {
      for (const { name, record } of gateways) {
        if ((highest.get(name) ?? 0) > record.accepted.epoch)
          violation ??= `${name} went back to epoch ${record.accepted.epoch}`;
        highest.set(name, record.accepted.epoch);
      }
    }
  }
  return {
    ...(violation === undefined ? {} : { violation }),
    trace,
    opened: orchestrators.reduce((sum, one) => sum + one.opened, 0),
  };
}

function describe(request: Request): string {
  if (request.kind === 'state') return 'state';
  if (request.kind === 'promise') return `promise ${request.epoch} ${request.operation}`;
  const table = request.rules.table.map((rule) => `${rule.unit} ${rule.state}`).join(',');
  return `rules ${request.rules.epoch} ${request.rules.operation} ${table}`;
}
