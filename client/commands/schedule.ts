import { movesNothing } from '../../domain/step-kinds.ts';
import type { ClientConfig } from '../config.ts';
import { CommandFailure, type Ending } from '../exit-codes.ts';
import { withClient } from '../failover-client.ts';
import type { Output } from '../output.ts';
import { requestOf, type RequestOptions } from '../request-options.ts';
import type { RunSchedule } from '../schedules.ts';
import { readSources } from '../source-files.ts';

export type SetScheduleOptions = RequestOptions & {
  readonly every?: number;
  readonly cron?: string;
  readonly real: boolean;
  readonly name?: string;
};

export async function setRunSchedule(
  config: ClientConfig,
  runbook: string,
  options: SetScheduleOptions,
  output: Output,
): Promise<Ending> {
  const { every, cron, real, name = runbook, reason = `schedule ${name}` } = options;
  const when = cron === undefined ? (every === undefined ? undefined : { everyMs: every }) : { cron };
  if (when === undefined) throw new CommandFailure('usage', 'say when: --every or --cron');
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(name))
    throw new CommandFailure(
      'usage',
      `--name: expected lower-case letters, digits, dots or dashes, seen ${name}`,
    );
  const request = requestOf(runbook, real ? 'real' : 'precheck', { ...options, reason }, config.user);
  const schedule: RunSchedule = { name, when, request, whileOpen: await whileOpen(config, runbook, real) };
  return withClient<Ending>(config, async (client) => {
    const result = await client.setSchedule(schedule);
    output.json({ ok: true, result, schedule });
    const often = 'cron' in when ? `at ${when.cron} (UTC)` : `every ${when.everyMs / 1000} s`;
    output.line(
      `schedule ${name} ${result}: ${runbook}, ${request.mode}, ${often}; ${schedule.whileOpen} while a run is open`,
    );
    return 'ok';
  });
}

/** What moves nothing may be given up for its successor; never anything else. */
async function whileOpen(
  config: ClientConfig,
  name: string,
  isReal: boolean,
): Promise<RunSchedule['whileOpen']> {
  if (!isReal) return 'give up the old';
  const { runbooks } = await readSources(config.inventoryFile, config.runbooksFolder);
  const runbook = runbooks.find(({ value }) => value.name === name);
  const isHarmless = runbook !== undefined && movesNothing(runbook.value.steps.map(({ uses }) => uses));
  return isHarmless ? 'give up the old' : 'skip the new';
}

export function listRunSchedules(config: ClientConfig, output: Output): Promise<Ending> {
  return withClient<Ending>(config, async (client) => {
    const schedules = await client.schedules();
    output.json({ ok: true, schedules });
    for (const { name, request, isPaused, next, recent } of schedules) {
      const { runbook, mode = 'precheck', from, to, parameters } = request;
      const details = [from && `from ${from}`, to && `to ${to}`, parameters && JSON.stringify(parameters)];
      output.line(`${name}: ${[runbook, mode, ...details].filter(Boolean).join(' ')}`);
      output.line(
        `  ${isPaused ? 'paused' : `next ${next ?? 'never'}`}${recent[0] === undefined ? '' : `, last ${recent[0]}`}`,
      );
    }
    if (schedules.length === 0) output.line('there are none');
    return 'ok';
  });
}

export function removeRunSchedule(config: ClientConfig, name: string, output: Output): Promise<Ending> {
  return withClient<Ending>(config, async (client) => {
    if (!(await client.removeSchedule(name)))
      throw new CommandFailure('refused', `there is no schedule ${name}`);
    output.json({ ok: true, name });
    output.line(`schedule ${name} removed`);
    return 'ok';
  });
}
