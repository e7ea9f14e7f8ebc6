import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { SetScheduleOptions } from './commands/schedule.ts';
import type { Perform } from './perform.ts';
import { withRequestOptions } from './request-options.ts';

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const shortestMs = 30_000;

/** 90s, 5m, 12h, 1d. */
export function intervalMs(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * (units[unit] ?? 0);
  if (ms >= shortestMs) return ms;
  throw new InvalidArgumentError('expected a time of 30s or more, e.g. 5m, 12h or 1d');
}

/** `siteshift schedule …`: runbooks that start by themselves. */
export function addScheduleVerbs(program: Command, perform: Perform): void {
  const group = program
    .command('schedule')
    .description('runbooks that start by themselves: recording, rehearsals, drills');
  withRequestOptions(
    group
      .command('set')
      .description('start a runbook again and again; changes the schedule of that name if there is one'),
  )
    .argument('<runbook>')
    .addOption(new Option('--every <time>', 'e.g. 5m, 12h or 1d').argParser(intervalMs).conflicts('cron'))
    .option('--cron <expression>', 'e.g. "0 3 * * *", in UTC')
    .option('--real', 'do it; without this each run is a precheck and changes nothing', false)
    .option('--name <name>', 'name of the schedule (default: the runbook)')
    .action((runbook: string, options: SetScheduleOptions) =>
      perform(async (config, output) =>
        (await import('./commands/schedule.ts')).setRunSchedule(config, runbook, options, output),
      ),
    );
  group
    .command('list')
    .description('which there are, when they start next, and their latest runs')
    .action(() =>
      perform(async (config, output) =>
        (await import('./commands/schedule.ts')).listRunSchedules(config, output),
      ),
    );
  group
    .command('remove')
    .description('end a schedule; runs that it has started go on')
    .argument('<name>')
    .action((name: string) =>
      perform(async (config, output) =>
        (await import('./commands/schedule.ts')).removeRunSchedule(config, name, output),
      ),
    );
}
