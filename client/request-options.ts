import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { Json } from '../domain/json.ts';
import type { RunRequest } from '../domain/run.ts';
import { parseRunRequest } from '../domain/run-request.ts';
import { styles } from '../domain/step.ts';
import { CommandFailure } from './exit-codes.ts';

export interface RequestOptions {
  readonly from?: string;
  readonly to?: string;
  readonly style?: 'graceful' | 'forced';
  readonly forced?: boolean;
  readonly drill?: boolean;
  readonly reason?: string;
  readonly by?: string;
  readonly planDigest?: string;
  readonly param?: { readonly [name: string]: Json };
}

/** name=value; the value is JSON where it is a number or a boolean, and text otherwise. */
function collectParameter(text: string, before: { [name: string]: Json } = {}): { [name: string]: Json } {
  const [, name, value] = /^([a-z][A-Za-z0-9]*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError('expected name=value, e.g. database=orders');
  const isPlain = value === 'true' || value === 'false' || /^-?\d+(\.\d+)?$/.test(value);
  return { ...before, [name]: isPlain ? (JSON.parse(value) as Json) : value };
}

/** The options that `plan` and `run` share. */
export const withRequestOptions = (command: Command): Command =>
  command
    .option('--from <site>', 'site that is left or lost')
    .option('--to <site>', 'site that takes over')
    .addOption(new Option('--style <style>', 'how steps act (default: graceful)').choices(styles))
    .option('--forced', 'the same as --style forced')
    .option('--drill', 'mark the run as a drill')
    .option('--param <name=value>', 'a parameter of the runbook; may be repeated', collectParameter)
    .option('--reason <text>', 'why; kept in the record and the report')
    .option('--by <name>', 'who starts it (default: the user of this shell)');

/** @throws CommandFailure(usage) with every problem of the request, before anything is sent */
export function requestOf(
  runbook: string,
  mode: 'precheck' | 'real',
  options: RequestOptions,
  user: string,
): RunRequest {
  const { from, to, style, forced, drill, reason, planDigest, param, by = user } = options;
  const request: RunRequest = {
    runbook,
    mode,
    by,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(forced === true ? { style: 'forced' as const } : style === undefined ? {} : { style }),
    ...(drill === true ? { drill } : {}),
    ...(reason === undefined ? {} : { reason }),
    ...(planDigest === undefined ? {} : { planDigest }),
    ...(param === undefined ? {} : { parameters: param }),
  };
  const parsed = parseRunRequest(request);
  if ('problems' in parsed) throw new CommandFailure('usage', parsed.problems.join('\n'));
  return request;
}
