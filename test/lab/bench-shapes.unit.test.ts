import { expectTypeOf, test } from 'vitest';
import type { FlipResult } from '../../lab/bench/flip-judge.ts';
import type { TargetResult } from '../../lab/bench/push.ts';
import type { SwitchoverResult } from '../../lab/bench/switchover.ts';
import type { DemoSummary } from '../../lab/demo/summary.ts';

interface MedianAndMost {
  readonly p50: number;
  readonly max: number;
}
interface Tail extends MedianAndMost {
  readonly p99: number;
  readonly p9999: number;
}

/** Whoever reads `--json FILE` by a script relies on these; the compiler refuses a figure that is left out or renamed. */
test('what the demo and the benchmarks write has the members that others read', () => {
  expectTypeOf<SwitchoverResult>().toExtend<{
    readonly engine: 'mysql' | 'mariadb';
    readonly floor: { readonly freezeToOpenMs: MedianAndMost; readonly clientGapMs: MedianAndMost };
    readonly siteshift: { readonly freezeToOpenMs: MedianAndMost; readonly clientGapMs: MedianAndMost };
    readonly ratio: number;
    readonly isGoalReached: boolean;
  }>();
  expectTypeOf<TargetResult>().toExtend<{
    readonly target: string;
    readonly applied: Tail;
    readonly acknowledged: Tail;
    readonly firstRound: Tail;
    readonly missing: number;
    readonly isGoalReached: boolean;
  }>();
  expectTypeOf<FlipResult>().toExtend<{
    readonly misrouted: number;
    readonly connectionErrors: number;
    readonly fenced: number;
    readonly bare: { readonly gapMs: MedianAndMost };
    readonly siteshift: { readonly gapMs: MedianAndMost };
  }>();
  expectTypeOf<DemoSummary>().toExtend<{
    readonly outcome: string;
    readonly acknowledgedWrites: number;
    readonly lostWrites: number;
    readonly duplicateWrites: number;
    readonly misroutedWrites: number;
    readonly writeGapMs: number;
    readonly decisionToFirstWriteMs: number;
    readonly isGoalReached?: boolean;
    readonly databases: readonly {
      readonly name: string;
      readonly engine: string;
      readonly freezeToOpenMs?: number;
      readonly electToOpenMs?: number;
    }[];
    readonly consumersAcked: number;
    readonly consumersTotal: number;
    readonly reportPath: string;
    readonly objectsExpected?: number;
    readonly objectsPresent?: number;
    readonly objectsReady?: number;
    readonly differences?: readonly string[];
  }>();
});
