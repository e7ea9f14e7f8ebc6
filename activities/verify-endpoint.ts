import type { Json } from '../domain/json.ts';
import { openEpoch } from '../domain/operation.ts';
import { expectationOf, probeUsers, type ProbeAnswer } from '../domain/probe-users.ts';
import type { StepInput } from '../domain/step.ts';
import type { VerifyEndpointParameters } from '../domain/step-parameters.ts';
import { StepFailed, type StepKind } from './define-step.ts';
import { sendProbe } from './send-probe.ts';
import type { StepTools } from './tools.ts';

type Input = StepInput<VerifyEndpointParameters>;
type Observed = { readonly [member: string]: Json };

interface Probe {
  readonly gateway: string;
  readonly endpoint: string;
  readonly user: string;
  /** Set once the request was served as it should be, ms since 1970. */
  servedAt?: number;
  /** Whether any attempt was answered, by whomever. */
  isAnswered: boolean;
  /** What the last attempt met. */
  seen: string;
}

const againAfterMs = 50;

/**
 * Proves from outside that users of moved buckets are served by their new unit: one real request per user and
 * gateway, repeated until each was served as expected or the time is up. Nothing is sent in a precheck.
 */
export const verifyEndpoint: StepKind<VerifyEndpointParameters, Observed> = {
  kind: 'verifyEndpoint',
  observe: async (input) => ({ gateways: Object.keys(endpointsOf(input)), users: usersOf(input) }),

  decide: (_observed, input) => {
    const { parameters } = input;
    const gateways = Object.keys(endpointsOf(input));
    if (gateways.length === 0) return { kind: 'refuse', reasons: ['there is no gateway to go through'] };
    if (parameters.buckets.length === 0)
      return { kind: 'already', because: 'no bucket has moved: nothing to try' };
    return {
      kind: 'apply',
      will: [
        `sends ${parameters.method} ${parameters.path} for ${usersOf(input).length} users through ${gateways.join(', ')} and expects ${expectationOf(parameters, 0)}`,
      ],
    };
  },

  apply: async (input, _observed, tools) => {
    const { parameters } = input;
    const startedAt = performance.now();
    const probes = Object.entries(endpointsOf(input)).flatMap(([gateway, endpoint]) =>
      usersOf(input).map((user): Probe => ({
        gateway,
        endpoint,
        user,
        isAnswered: false,
        seen: 'not tried',
      })),
    );
    await tryUntilServed(probes, input, tools);
    const missing = probes.filter((probe) => probe.servedAt === undefined);
    const served = probes.flatMap(({ servedAt }) => (servedAt === undefined ? [] : [servedAt]));
    // A gateway that nobody reaches serves nobody: forced goes on as long as others do.
    const dead = unreachable(probes);
    const isExcused = input.style === 'forced' && served.length > 0;
    const wrong = missing.filter((probe) => !(isExcused && dead.has(probe.gateway)));
    if (wrong.length > 0) {
      throw new StepFailed(
        `after ${parameters.timeoutMs} ms ${wrong.length} of ${probes.length} requests were not served as expected (${expectationOf(parameters, openEpoch(input.operation))}): ${examples(wrong)}`,
        { served: served.length, wrong: wrong.map(({ gateway, user, seen }) => ({ gateway, user, seen })) },
      );
    }
    const first = Math.min(...served);
    return {
      durationsMs: { untilServed: Math.round(performance.now() - startedAt) },
      evidence: [
        { what: 'firstAcceptedWriteAt', value: first, source: 'requests through the gateways' },
        { what: 'lastAcceptedWriteAt', value: Math.max(...served), source: 'requests through the gateways' },
        {
          what: 'requests served',
          value: probes
            .filter((probe) => probe.servedAt !== undefined)
            .map(({ gateway, user, seen }) => ({ gateway, user, seen })),
          source: 'requests through the gateways',
        },
      ],
      ...(dead.size === 0
        ? {}
        : { leftToDo: [...dead].map((gateway) => `gateway ${gateway} cannot be reached by users`) }),
    };
  },

  verify: async (input, _tools, applied) => {
    const first = applied?.evidence?.find((one) => one.what === 'firstAcceptedWriteAt')?.value;
    const served = applied?.evidence?.find((one) => one.what === 'requests served')?.value;
    const count = Array.isArray(served) ? served.length : 0;
    return {
      ok: count > 0,
      observed: { served: count, ...(first === undefined ? {} : { firstAcceptedWriteAt: first }) },
      summary: `${count} requests of moved users served by ${input.parameters.expectUnit}, first at ${typeof first === 'number' ? new Date(first).toISOString() : '?'}`,
    };
  },
};

async function tryUntilServed(probes: readonly Probe[], input: Input, tools: StepTools): Promise<void> {
  const { parameters, operation } = input;
  const leastEpoch = operation.epoch === 0 ? 0 : openEpoch(operation);
  const until = performance.now() + parameters.timeoutMs;
  for (;;) {
    const open = probes.filter((probe) => probe.servedAt === undefined);
    if (open.length === 0) return;
    await Promise.all(
      open.map(async (probe) => {
        const answer = await sendProbe(probe.endpoint, probe.user, parameters, tools.signal);
        probe.isAnswered ||= 'status' in answer;
        probe.seen = wordsOf(answer);
        if (isServed(answer, parameters, leastEpoch)) probe.servedAt = Date.now();
      }),
    );
    tools.signal.throwIfAborted();
    if (performance.now() >= until) return;
    if (probes.some((probe) => probe.servedAt === undefined)) {
      tools.heartbeat({ open: probes.filter((probe) => probe.servedAt === undefined).length });
      await tools.sleep(againAfterMs);
    }
  }
}

const isServed = (answer: ProbeAnswer, parameters: VerifyEndpointParameters, leastEpoch: number): boolean =>
  'status' in answer &&
  answer.status === parameters.expectStatus &&
  answer.unit === parameters.expectUnit &&
  answer.epoch >= leastEpoch;

const wordsOf = (answer: ProbeAnswer): string =>
  'failed' in answer
    ? `no answer: ${answer.failed}`
    : `HTTP ${answer.status} from ${answer.unit === '' ? 'no unit' : answer.unit} at epoch ${answer.epoch}${answer.refused === '' ? '' : ` (${answer.refused})`}`;

/** Gateways at which not one request ever got any answer. */
const unreachable = (probes: readonly Probe[]): ReadonlySet<string> => {
  const answered = new Set(probes.filter(({ isAnswered }) => isAnswered).map(({ gateway }) => gateway));
  return new Set(probes.map((probe) => probe.gateway).filter((gateway) => !answered.has(gateway)));
};

function examples(probes: readonly Probe[]): string {
  const words = probes.slice(0, 3).map(({ gateway, user, seen }) => `${user} through ${gateway}: ${seen}`);
  return probes.length > 3 ? `${words.join('; ')}; and ${probes.length - 3} more` : words.join('; ');
}

/** Without the gateways that an operator has taken out of traffic. */
function endpointsOf({ parameters, overrides }: Input): { readonly [gateway: string]: string } {
  const removed = (overrides?.['removedGateways'] ?? '').split(/[\s,]+/);
  return Object.fromEntries(
    Object.entries(parameters.gateways)
      .filter(([gateway]) => !removed.includes(gateway))
      .map(([gateway, { endpoint }]) => [gateway, endpoint]),
  );
}

const usersOf = ({ parameters }: Input): readonly string[] =>
  probeUsers(parameters.buckets, parameters.users, parameters.routing.buckets);
