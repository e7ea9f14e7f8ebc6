import { rangesOf } from '../domain/bucket-ranges.ts';
import {
  excuseOf,
  excuses,
  judgeBarrier,
  type Barrier,
  type BarrierVerdict,
} from '../domain/gateway-barrier.ts';
import { leaseRunsOutAfterMs } from '../domain/lease.ts';
import { decideFence, hasOpened, planFence } from '../domain/move-decisions.ts';
import { answering, movedRanges, readingOf, type ObservedGateways } from '../domain/observed-gateways.ts';
import { fenceEpoch, openEpoch } from '../domain/operation.ts';
import { changedBuckets, describeTable, fencedTable, type StampedRules } from '../domain/routing.ts';
import { stampRules } from '../domain/rules-digest.ts';
import type { StepInput } from '../domain/step.ts';
import type { MoveUnitsParameters } from '../domain/step-parameters.ts';
import { StepFailed, StepRefused, type StepKind } from './define-step.ts';
import { drainWrites } from './drain-writes.ts';
import { enforceRules } from './enforce-rules.ts';
import { withGateways, type GatewayClient } from './gateways.ts';
import { observeGateways } from './observe-gateways.ts';
import { spreadRules } from './spread-rules.ts';
import type { StepTools } from './tools.ts';

type Input = StepInput<MoveUnitsParameters>;

/** How long a barrier may stand still for another reason than a lease that is running out. */
const standstillMs = 10_000;

/**
 * The moved buckets keep their unit and refuse writes, on every gateway: each has acknowledged on all its workers,
 * or cannot hold a lease any more, or was declared out of traffic.
 */
export const fenceUnits: StepKind<MoveUnitsParameters, ObservedGateways> = {
  kind: 'fenceUnits',
  observe: (input, tools) =>
    withGateways(input.parameters, tools, (gateways) => observeGateways(gateways, input.operation)),
  decide: decideFence,

  apply: (input, observed, tools) =>
    withGateways(input.parameters, tools, async (gateways) => {
      const { current, wanted } = input.parameters;
      const plan = planFence(observed, input);
      const { domain, id } = input.operation;
      const rules = stampRules({
        domain,
        operation: id,
        epoch: fenceEpoch(input.operation),
        members: plan.members,
        table: fencedTable(current, wanted),
      });
      const startedAt = performance.now();
      const passed = await passBarrier(gateways, rules, plan.barrier, tools);
      const barrierMs = Math.round(performance.now() - startedAt);
      const there = gateways.filter((gateway) => !passed.excused.some((one) => one.gateway === gateway.name));
      const drained = await drainWrites(there, leavingUnits(input.parameters), input.style, tools);
      const excused = excuses(passed.excused);
      return {
        snapshot: { table: describeTable(current), epoch: observed.base?.epoch ?? 0 },
        durationsMs: { barrier: barrierMs, drain: drained.ms },
        ...excused,
        evidence: [...excused.evidence, ...drained.evidence],
      };
    }),

  verify: (input, tools, applied) =>
    withGateways(input.parameters, tools, async (gateways) => {
      const excused = (applied?.evidence ?? []).map((one) => one.what);
      const needed = gateways.map(({ name }) => name).filter((name) => !excused.includes(excuseOf(name)));
      const observed = await observeGateways(gateways, input.operation, needed);
      const { barrier } = planFence(observed, input);
      const verdict = judgeBarrier(barrier, observed.gateways.map(readingOf));
      const moved = movedRanges(input.parameters.current, input.parameters.wanted);
      const there = answering(observed);
      const workers = there.reduce((sum, gateway) => sum + gateway.workers.length, 0);
      return {
        ok: verdict.kind === 'passed',
        // A lease runs out by itself, and who is only restarting is back before; a later claim stays.
        isComing: answering(observed).every(({ accepted }) => accepted.epoch <= openEpoch(input.operation)),
        observed,
        summary:
          verdict.kind === 'passed'
            ? `buckets ${moved} fenced at epoch ${barrier.fence.epoch} on ${there.length} gateways (${workers} workers)${verdict.excused.map(({ gateway, how }) => `, ${gateway}: ${how}`).join('')}`
            : `buckets ${moved} are not fenced everywhere: ${verdict.for.join('; ')}`,
      };
    }),

  /**
   * Back to the table before, by a fence and an opening of its own under the next two epochs: whatever of the first
   * fence is still on its way to a silent gateway is outbid by it.
   */
  undo: (input, tools) =>
    withGateways(input.parameters, tools, (gateways) => putBack(gateways, input, tools)),
};

async function putBack(gateways: readonly GatewayClient[], input: Input, tools: StepTools) {
  const { current, wanted } = input.parameters;
  const observed = await observeGateways(gateways, input.operation);
  refuseIfOpened(observed, input);
  const again = { ...input, operation: { ...input.operation, epoch: fenceEpoch(input.operation) + 2 } };
  const begun = await observeGateways(gateways, again.operation);
  const { barrier, members } = planFence(
    { ...observed, base: null, ownMembers: begun.ownMembers ?? observed.ownMembers },
    again,
  );
  const base = { domain: input.operation.domain, operation: input.operation.id, members };
  const back = stampRules({ ...base, epoch: openEpoch(again.operation), table: current });
  const isPastFence = answering(begun).some(({ accepted }) => accepted.digest === back.digest);
  const passed = isPastFence
    ? undefined
    : await passBarrier(
        gateways,
        stampRules({ ...base, epoch: fenceEpoch(again.operation), table: fencedTable(current, wanted) }),
        barrier,
        tools,
      );
  await tools.reached('fenceUnits:undo-fenced');
  const { missing } = await spreadRules(gateways, back, tools);
  return {
    summary: `buckets ${movedRanges(current, wanted)} open at their old unit again, epoch ${back.epoch}`,
    evidence: passed === undefined ? [] : excuses(passed.excused).evidence,
    ...(missing.length === 0
      ? {}
      : { leftToDo: missing.map((one) => `${one}; it catches up from its peers`) }),
  };
}

function refuseIfOpened(observed: ObservedGateways, { operation }: Input): void {
  const opened = answering(observed).find((gateway) => hasOpened(gateway, operation));
  if (opened === undefined) return;
  throw new StepRefused([
    `the units were opened at epoch ${opened.accepted.epoch} (${opened.gateway}): the new unit may have accepted writes, going back is a move of its own`,
  ]);
}

type Passed = Extract<BarrierVerdict, { readonly kind: 'passed' }>;

/** @throws StepRefused when a gateway is bound to something higher and StepFailed when the barrier stands still */
async function passBarrier(
  gateways: readonly GatewayClient[],
  rules: StampedRules,
  barrier: Barrier,
  tools: StepTools,
): Promise<Passed> {
  await tools.reached('fenceUnits:before-rules');
  const enforcement = enforceRules(
    gateways.filter((gateway) => !barrier.removed.includes(gateway.name)),
    rules,
    tools,
  );
  const giveUpAt = performance.now() + leaseRunsOutAfterMs(barrier.leaseMs) + standstillMs;
  try {
    for (;;) {
      const verdict = judgeBarrier(barrier, enforcement.readings());
      if (verdict.kind === 'passed') {
        await tools.reached('fenceUnits:after-rules');
        return verdict;
      }
      const objection = enforcement.objection();
      const state = { waitsFor: [...verdict.for], epoch: rules.epoch };
      if (objection !== undefined) throw new StepFailed(`the fence was refused: ${objection.message}`, state);
      if (performance.now() > giveUpAt) {
        throw new StepFailed(
          `the fence is not complete after ${Math.round(leaseRunsOutAfterMs(barrier.leaseMs) + standstillMs)} ms, it waits for ${verdict.for.join('; ')}`,
          state,
        );
      }
      tools.heartbeat({
        ...state,
        ...(verdict.remainingMs === undefined ? {} : { leaseRunsOutInMs: Math.ceil(verdict.remainingMs) }),
      });
      await enforcement.news(Math.min(1_000, Math.max(1, verdict.remainingMs ?? 1_000)));
    }
  } finally {
    enforcement.stop();
  }
}

/** unit -> its moved buckets. */
function leavingUnits({ current, wanted }: MoveUnitsParameters): ReadonlyMap<string, string> {
  const leaving = new Map<string, number[]>();
  for (const bucket of changedBuckets(current, wanted)) {
    const unit = current[bucket]?.unit ?? '';
    leaving.set(unit, [...(leaving.get(unit) ?? []), bucket]);
  }
  return new Map([...leaving].map(([unit, buckets]) => [unit, rangesOf(buckets)]));
}
