import type { Logger } from 'pino';
import { judgeJoin, judgeRenewal } from '../../domain/gateway-decisions.ts';
import type { PeerAnswer } from '../../domain/gateway-protocol.ts';
import { leaseDeadline, majorityOf, renewEveryMs } from '../../domain/lease.ts';
import type { StampedRules } from '../../domain/routing.ts';
import type { GatewayAgent } from './agent.ts';
import type { GatewayAgentConfig } from './config.ts';
import type { Peers } from './peers.ts';
import type { ProxyKeeper } from './proxy-keeper.ts';

export interface LeaseKeeper {
  /** Why the leases were not renewed in the last round; undefined when they were. */
  notRenewing(): string | undefined;
  stop(): Promise<void>;
}

/** Asks the peers, catches up with them, and renews; over and over, several times within a lease. */
export function startLeaseKeeper(options: {
  readonly config: GatewayAgentConfig;
  readonly agent: GatewayAgent;
  readonly peers: Peers;
  readonly proxy: ProxyKeeper;
  readonly initial: StampedRules | undefined;
  readonly log: Logger;
}): LeaseKeeper {
  const { config, agent, peers, proxy, log } = options;
  const everyMs = renewEveryMs(config.leaseMs);
  const accepted = () => agent.record.accepted;
  let trouble: string | undefined = 'it has just started';

  const heard = (answer: PeerAnswer) => {
    agent.catchUp(answer.accepted).then(
      (changed) => {
        if (changed) log.info({ from: answer.gateway, epoch: accepted().epoch }, 'caught up with a peer');
      },
      (error: unknown) => log.error({ err: error }, 'could not catch up with a peer'),
    );
  };

  const round = async () => {
    if (!agent.record.joined) await tryToJoin(options, everyMs);
    const askedAt = { wallMs: Date.now(), monotonicMs: performance.now() };
    const enough = majorityOf(accepted().members.length) - 1;
    const answers = await peers.ask(enough, everyMs, heard);
    for (const answer of answers) await agent.catchUp(answer.accepted);
    const verdict = judgeRenewal(agent.record, answers);
    tell(verdict.renew ? undefined : verdict.because);
    const grant = {
      wallMs: leaseDeadline(askedAt.wallMs, config.leaseMs),
      monotonicMs: leaseDeadline(askedAt.monotonicMs, config.leaseMs),
    };
    await proxy.renew(accepted, verdict.renew ? grant : undefined);
  };

  /** Logs changes, not every round. */
  const tell = (next: string | undefined) => {
    if (next !== trouble) {
      if (next === undefined) log.info({ epoch: accepted().epoch }, 'leases are renewed');
      else log.warn({ because: next }, 'leases are not renewed');
    }
    trouble = next;
  };

  const rounds = repeat(everyMs, round, (error) => tell(messageOf(error)));
  // A new worker starts without a lease: between the rounds somebody has to notice it.
  const watch = repeat(
    Math.max(50, everyMs / 5),
    () => proxy.noticeWorkers(accepted),
    () => undefined,
  );
  return {
    notRenewing: () => trouble,
    stop: async () => void (await Promise.all([rounds.stop(), watch.stop()])),
  };
}

async function tryToJoin(
  { config, agent, peers, initial, log }: Parameters<typeof startLeaseKeeper>[0],
  timeoutMs: number,
): Promise<void> {
  const needed = peers.names.filter((peer) => !config.joinWithout.includes(peer));
  const answers = await peers.ask(peers.names.length, timeoutMs, () => undefined);
  const judged = judgeJoin(agent.record, needed, answers, initial);
  if ('missing' in judged) {
    log.info({ missing: judged.missing }, 'waits for every peer before it takes part');
    return;
  }
  await agent.join(judged.next);
  const { promised, accepted } = judged.next;
  log.info({ promised: promised.epoch, accepted: accepted.epoch }, 'takes part from now on');
}

/** Starts the task again `everyMs` after its last start, never twice at once. */
function repeat(everyMs: number, task: () => Promise<void>, failed: (error: unknown) => void) {
  const stopping = new AbortController();
  let wake = () => {};
  const loop = async () => {
    while (!stopping.signal.aborted) {
      const startedAt = performance.now();
      await task().catch(failed);
      const restMs = Math.max(5, everyMs - (performance.now() - startedAt));
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, restMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  };
  const running = loop();
  return {
    stop: async () => {
      stopping.abort();
      wake();
      await running;
    },
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
