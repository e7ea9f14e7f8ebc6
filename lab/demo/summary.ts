import type { Json } from '../../domain/json.ts';
import type { StepRecord } from '../../domain/run.ts';
import type { LabCluster } from '../sites/start-databases.ts';
import type { TwoSiteLab } from '../two-site-lab.ts';
import { isWatched, LEAST_LOOKS_PER_SECOND } from '../watch/writable-watch.ts';
import type { ClusterFigures } from './clusters.ts';
import type { TimelineEntry } from './timeline.ts';
import { stepsOfKind, type SiteLossResult } from './site-loss.ts';

export interface DatabaseFigures {
  readonly name: string;
  readonly engine: 'mysql' | 'mariadb';
  /** Planned: from the old primary's freeze to the opening. */
  readonly freezeToOpenMs?: number;
  /** Emergency: from the election to the opening. */
  readonly electToOpenMs?: number;
}

/** What `npm run demo -- --json FILE` writes; with `--kubernetes` the figures of the clusters, too. */
export interface DemoSummary extends Partial<ClusterFigures> {
  readonly outcome: string;
  readonly acknowledgedWrites: number;
  /** Of them, those that each gateway let through. */
  readonly writesByGateway: Readonly<Record<string, number>>;
  readonly lostWrites: number;
  readonly duplicateWrites: number;
  readonly misroutedWrites: number;
  readonly writeGapMs: number;
  readonly decisionToFirstWriteMs: number;
  /** Whether that was within 3 s; told, and no reason to fail. Absent with clusters, which have no such goal. */
  readonly isGoalReached?: boolean;
  /** From the decision until every consumer ran on the new primaries; the units may open. */
  readonly databaseBranchMs: number;
  /** From the decision until the last public host was turned over; with `--kubernetes` the units wait for it, too. */
  readonly clusterBranchMs?: number;
  readonly databases: readonly DatabaseFigures[];
  readonly consumersAcked: number;
  readonly consumersTotal: number;
  readonly twoWritablePrimaries: readonly string[];
  readonly writablePolls: number;
  readonly writableLooksPerSecond: number;
  readonly reportPath: string;
  readonly examples: readonly string[];
  /** Where the time from the decision to the first write went. */
  readonly timeline: readonly TimelineEntry[];
}

/** From the decision to the first write of a user of the lost site. */
export const goalMs = 3_000;

export function summarize(
  result: SiteLossResult,
  { clusters, gateways }: Pick<TwoSiteLab, 'clusters' | 'gateways'>,
  kubernetes: ClusterFigures | undefined,
): DemoSummary {
  const { record, writer, watch } = result;
  const decisionToFirstWriteMs = result.firstWriteAt - result.decidedAt;
  const pushes = stepsOfKind(record, 'pushDatasource').map(consumersOf);
  return {
    outcome: record.outcome ?? record.phase,
    acknowledgedWrites: writer.acknowledgedWrites,
    writesByGateway: Object.fromEntries(
      gateways.map(({ name, endpoint }) => [
        name,
        writer.writes.filter(({ gateway }) => gateway === endpoint).length,
      ]),
    ),
    lostWrites: writer.lostWrites,
    duplicateWrites: writer.duplicateWrites,
    misroutedWrites: writer.misroutedWrites,
    writeGapMs: writer.writeGapMs,
    decisionToFirstWriteMs,
    ...(kubernetes === undefined ? { isGoalReached: decisionToFirstWriteMs <= goalMs } : {}),
    databaseBranchMs: endOf(result, 'pushDatasource'),
    ...(kubernetes === undefined ? {} : { clusterBranchMs: endOf(result, 'shiftMesh') }),
    databases: clusters.map((cluster) => figuresOf(cluster, stepsOfKind(record, 'promoteDatabase'))),
    consumersAcked: sum(pushes.map(({ acknowledged }) => acknowledged)),
    consumersTotal: sum(pushes.map(({ total }) => total)),
    twoWritablePrimaries: watch.breaches,
    writablePolls: watch.polls,
    writableLooksPerSecond: Math.round(watch.looksPerSecond * 10) / 10,
    reportPath: result.reportPath,
    examples: writer.examples,
    ...kubernetes,
    timeline: result.timeline,
  };
}

/** From the decision until the last step of a kind had ended, ms. */
const endOf = ({ record, decidedAt }: SiteLossResult, kind: string): number =>
  Math.max(...stepsOfKind(record, kind).map(({ endedAt }) => endedAt ?? Number.NaN)) - decidedAt;

/** What must hold for the demo to have shown what it promises; empty when it did. */
export function brokenPromises(summary: DemoSummary, atLeastWrites: number): string[] {
  const { databases, consumersAcked, consumersTotal } = summary;
  const expectations: readonly (readonly [boolean, string])[] = [
    [summary.outcome === 'completed', `outcome: expected completed, saw ${summary.outcome}`],
    [
      summary.acknowledgedWrites >= atLeastWrites,
      `acknowledged writes: expected ${atLeastWrites}, saw ${summary.acknowledgedWrites}`,
    ],
    [
      Object.values(summary.writesByGateway).every((writes) => writes > 0),
      `acknowledged writes by gateway: expected some at each, saw ${JSON.stringify(summary.writesByGateway)}`,
    ],
    [summary.lostWrites === 0, `${summary.lostWrites} acknowledged writes are lost`],
    [summary.duplicateWrites === 0, `${summary.duplicateWrites} writes are stored more than once`],
    [
      summary.misroutedWrites === 0,
      `${summary.misroutedWrites} writes were taken by a unit that had lost the bucket`,
    ],
    [
      summary.twoWritablePrimaries.length === 0,
      `two nodes took writes at once: ${summary.twoWritablePrimaries.join('; ')}`,
    ],
    [
      isWatched({ looksPerSecond: summary.writableLooksPerSecond }),
      `whether two nodes take writes was watched too seldom: expected more than ${LEAST_LOOKS_PER_SECOND} looks/s, saw ${summary.writableLooksPerSecond}`,
    ],
    [
      databases.every((one) => (one.freezeToOpenMs ?? one.electToOpenMs) !== undefined),
      'a database was not promoted',
    ],
    [
      consumersTotal > 0 && consumersAcked === consumersTotal,
      `${consumersAcked} of ${consumersTotal} consumers acknowledged`,
    ],
    [Number.isFinite(summary.decisionToFirstWriteMs), 'no user of the lost site was served by the survivor'],
  ];
  return [
    ...expectations.filter(([holds]) => !holds).map(([, words]) => words),
    ...summary.examples,
    ...brokenClusters(summary),
  ];
}

/** At least so much has to come back, or the demo has shown little. */
const LEAST_OBJECTS = 500;

function brokenClusters(summary: DemoSummary): readonly string[] {
  const { objectsExpected, objectsPresent, objectsReady, differences = [] } = summary;
  if (objectsExpected === undefined) return [];
  return [
    ...(objectsExpected >= LEAST_OBJECTS &&
    objectsPresent === objectsExpected &&
    objectsReady === objectsExpected
      ? []
      : [
          `clusters: expected ${objectsExpected} objects, at least ${LEAST_OBJECTS}; ${objectsPresent} are there, ${objectsReady} ready`,
        ]),
    ...differences.slice(0, 20),
  ];
}

function figuresOf({ name, engine }: LabCluster, promotions: readonly StepRecord[]): DatabaseFigures {
  const durations = promotions.find((step) => step.id.endsWith(`/${name}`))?.outcome?.durationsMs ?? {};
  const { freezeToOpen, electToOpen } = durations;
  return {
    name,
    engine,
    ...(freezeToOpen === undefined ? {} : { freezeToOpenMs: freezeToOpen }),
    ...(electToOpen === undefined ? {} : { electToOpenMs: electToOpen }),
  };
}

/** From the evidence of the push; a push that found everything done has it in what it observed. */
function consumersOf({ outcome }: StepRecord): { acknowledged: number; total: number } {
  const evidence = outcome?.evidence.find(({ what }) => what === 'acknowledgements')?.value;
  if (evidence !== undefined) {
    const total = member(evidence, 'live') - member(evidence, 'notWaitedFor');
    return { acknowledged: member(evidence, 'acknowledged'), total };
  }
  const total = member(outcome?.after, 'live');
  return { acknowledged: total - member(outcome?.after, 'missingCount'), total };
}

function member(value: Json | undefined, key: string): number {
  const found =
    typeof value === 'object' && value !== null ? (value as Record<string, Json>)[key] : undefined;
  return typeof found === 'number' ? found : 0;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
