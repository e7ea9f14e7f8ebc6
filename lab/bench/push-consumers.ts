import { appendFileSync, readFileSync } from 'node:fs';
import { createFollowingPool } from '../../agents/follower/following-pool.ts';
import type { FollowerOptions } from '../../agents/follower/options.ts';

/** What one process of consumers is told, as a JSON file named on its command line. */
export interface ConsumersTask {
  readonly consumers: readonly string[];
  readonly follower: Omit<FollowerOptions, 'consumer' | 'snapshotFile'>;
  readonly snapshotFolder: string;
  /** Gets one line for each document that a consumer has applied. */
  readonly eventsFile: string;
}

export interface AppliedEvent {
  readonly consumer: string;
  readonly epoch: number;
  readonly appliedAt: number;
  readonly via: 'center' | 'collector';
}

/** Lines are written when nothing has happened for a while: the disk must not be part of what is measured. */
const quietMs = 400;

function follow({ consumers, follower, snapshotFolder, eventsFile }: ConsumersTask): void {
  let events: AppliedEvent[] = [];
  let timer: NodeJS.Timeout | undefined;
  const write = () => {
    appendFileSync(eventsFile, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    events = [];
    timer = undefined;
  };
  for (const consumer of consumers) {
    createFollowingPool({
      ...follower,
      consumer,
      snapshotFile: `${snapshotFolder}/${consumer}.json`,
      onApplied: ({ epoch, appliedAt, via }) => {
        events.push({ consumer, epoch, appliedAt, via });
        if (timer === undefined) timer = setTimeout(write, quietMs);
        else timer.refresh();
      },
    });
  }
}

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error('push-consumers: expected a task file');
follow(JSON.parse(readFileSync(file, 'utf8')) as ConsumersTask);
