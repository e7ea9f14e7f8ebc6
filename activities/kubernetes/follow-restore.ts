import { describeProgress, describeStalled, withoutVelero } from '../../domain/kubernetes/stalled-restore.ts';
import { restoreState, type BackupItem } from '../../domain/kubernetes/restore-plan.ts';
import type { Style } from '../../domain/step.ts';
import { StepFailed } from '../define-step.ts';
import type { StepTools } from '../tools.ts';
import type { RestoreRecord, Velero } from './velero.ts';

const EVERY_MS = 500;

export interface FollowOptions {
  readonly cluster: string;
  readonly style: Style;
  /** What it is to bring. */
  readonly missing: readonly BackupItem[];
  readonly deadline: number;
  /** ms without any progress until it counts as stuck. */
  readonly stuckMs: number;
  readonly tools: StepTools;
}

/** Looks at a Restore until Velero has ended it or given it up. @throws StepFailed when it does not move any more */
export async function followRestore(
  velero: Velero,
  name: string,
  options: FollowOptions,
): Promise<RestoreRecord> {
  const { deadline, stuckMs, tools } = options;
  let progress = '';
  let movedAt = tools.now();
  for (;;) {
    const seen = await velero.restore(name);
    if (seen === undefined)
      throw new StepFailed(`restore ${name} was deleted while it ran; retry has another one made`, {
        restore: name,
      });
    const state = restoreState(seen.phase);
    if (state === 'ended' || state === 'again') return seen;
    // One that has not begun moves as those before it do.
    const ahead = state === 'waiting' ? await atWork(velero, name) : [];
    const now = [seen, ...ahead].map((one) => `${one.name} ${describeProgress(one)}`).join(', ');
    if (now !== progress) movedAt = tools.now();
    progress = now;
    const stillMs = tools.now() - movedAt;
    const isStuck = stillMs > stuckMs;
    tools.heartbeat({ restore: name, phase: seen.phase, items: seen.items, of: seen.total, isStuck });
    if (tools.now() > deadline || isStuck)
      throw await stalled(velero, { seen, ahead, stillMs: isStuck ? stillMs : undefined }, options);
    await tools.reached('restoreBackup:running');
    await tools.sleep(EVERY_MS);
  }
}

const atWork = async (velero: Velero, ours: string): Promise<readonly RestoreRecord[]> =>
  (await velero.restores()).filter(({ name, phase }) => name !== ours && restoreState(phase) === 'running');

interface Standstill {
  readonly seen: RestoreRecord;
  readonly ahead: readonly RestoreRecord[];
  readonly stillMs: number | undefined;
}

async function stalled(
  velero: Velero,
  { seen, ahead, stillMs }: Standstill,
  { cluster, style, missing, tools }: FollowOptions,
): Promise<StepFailed> {
  const { lookedAt } = await velero.location();
  const { name, phase, items, total } = seen;
  const silentMs = lookedAt === undefined ? undefined : tools.now() - lookedAt;
  const others = ahead.map((one) => `${one.name} (${describeProgress(one)})`);
  const words = describeStalled({ cluster, name, phase, items, total, stillMs, silentMs, ahead: others });
  const state = { restore: name, progress: describeProgress(seen) };
  return new StepFailed(`${words}; ${withoutVelero(style, missing)}`, state);
}
